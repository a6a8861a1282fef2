// Orders travel from an HTTP call through a warehouse in PostgreSQL to a reporting table, and none is lost on the way:
// a shop (service.ts) tells a pipeline (sluice.toml, enrich.ts) of them; in the end the shop's own ledger and the
// reporting table must agree. This file only starts the parts, watches them, and compares.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "../support/free-port.ts";
import { startKafka } from "../support/kafka.ts";
import { startPostgres } from "../support/postgres.ts";
import { runCounts, startPipeline, type Pipeline } from "./demo/pipeline.ts";
import { createProgress, type Progress } from "./demo/progress.ts";
import { printReport } from "./demo/report.ts";
import { openShop, type Shop } from "./demo/shop.ts";
import { countStages, haveAllArrived } from "./demo/stages.ts";
import { createWarehouse } from "./demo/warehouse.ts";
import { acknowledged, readLedger } from "./ledger.ts";

const HELP = `npm start -- [--orders N] [--kafka] [--kill] [--stay]

  --orders N  how many orders the shop sells; defaults to 3000
  --kafka     the shop writes into a topic of a Kafka that is started (needs Java and Maven), or of KAFKA_BROKERS
  --kill      pulls the plug of the pipeline halfway (kill -9), and starts it again
  --stay      goes on running in the end, so that you can look around
`;
const WAYS_TO_LOOK = `
Look around, now and later:
  npx sluice status --config examples/orders/sluice.toml
  npx sluice runs --state dead --config examples/orders/sluice.toml`;
/** Nothing arriving for so long, in milliseconds, means that something is wrong. */
const PATIENCE = 60_000;

const DATA = join(import.meta.dirname, ".data");
const LEDGER = join(DATA, "ledger.jsonl");
const LOG = join(DATA, "pipeline.log");

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(new Error("interrupted"));
  });
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  const wasInterrupted = interrupted.signal.aborted;
  console.error(wasInterrupted ? "\ninterrupted; all is stopped" : `\n${(error as Error).message}`);
  process.exitCode = wasInterrupted ? 130 : 1;
}

/** Answers whether the warehouse and the shop's ledger agree. */
async function main(): Promise<boolean> {
  const { orders, kafka, kill, stay } = readOptions();
  const { signal } = interrupted;
  const progress = createProgress();
  // Stopped in the opposite order in which they were started, whatever happens.
  await using parts = new AsyncDisposableStack();

  await mkdir(DATA, { recursive: true });
  parts.defer(holdLock());
  await removeLastRun();

  progress.say("starting PostgreSQL 18, which npm has brought");
  const server = parts.use(await startPostgres({ directory: join(DATA, "postgres") }));
  const warehouse = parts.use(await createWarehouse(server));
  signal.throwIfAborted();

  const brokers = await findKafka(kafka, progress, parts);
  signal.throwIfAborted();

  progress.say(`starting the pipeline: sluice run sluice.${brokers === undefined ? "toml" : "kafka.ts"}`);
  const environment = {
    PORT: String(await freePort(stay ? 8787 : 0)),
    SHOP_SECRET: `whsec_${randomBytes(24).toString("base64")}`,
    WAREHOUSE_URL: server.connectionString("warehouse"),
    ...(brokers !== undefined && { KAFKA_BROKERS: brokers, KAFKA_GROUP: `orders-${Date.now()}` }),
  };
  const pipeline = parts.use(await startPipeline(environment, LOG));
  signal.throwIfAborted();

  progress.say(`starting the shop, which has ${orders} orders to tell`);
  const url = `${pipeline.url}/orders`;
  const shop = parts.use(openShop(orders, { url, secret: environment.SHOP_SECRET, ledger: LEDGER, brokers }));

  await untilAllArrived({ pipeline, shop, progress, crashAfter: kill ? orders / 2 : Infinity });
  const agree = await printReport({ url: pipeline.url, warehouse, ledger: readLedger(LEDGER) });

  console.log(WAYS_TO_LOOK);
  if (stay) {
    console.log(
      `The API is at ${pipeline.url}/api/v1, the warehouse at ${environment.WAREHOUSE_URL}. Ctrl-C stops all.`,
    );
    await Promise.race([once(signal, "abort"), pipeline.failed]);
  }
  return agree;
}

/** The brokers that the environment names, or one of our own; none unless it is wanted. */
async function findKafka(
  isWanted: boolean,
  progress: Progress,
  parts: AsyncDisposableStack,
): Promise<string | undefined> {
  const named = process.env["KAFKA_BROKERS"];
  if (named === undefined && !isWanted) return undefined;
  const { createTopic } = await import("./topic.ts");
  if (named === undefined) progress.say("starting Kafka, which Maven brings the first time");
  const brokers = named ?? parts.use(await startKafka()).broker;
  await createTopic(brokers);
  return brokers;
}

function readOptions(): { orders: number; kafka: boolean; kill: boolean; stay: boolean } {
  const { values } = parseArgs({
    options: {
      orders: { type: "string", default: "3000" },
      kafka: { type: "boolean", default: false },
      kill: { type: "boolean", default: false },
      stay: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const orders = Number(values.orders);
  if (!Number.isInteger(orders) || orders < 1) throw new Error(`--orders takes a whole number above 0`);
  return { orders, kafka: values.kafka, kill: values.kill, stay: values.stay };
}

/** Two at a time would share a folder. The lock is the kernel's: it goes when this process does, however it goes. */
function holdLock(): () => void {
  try {
    const lock = new DatabaseSync(join(DATA, "lock"));
    lock.exec("begin exclusive");
    return () => lock.close();
  } catch (cause) {
    throw new Error(`${DATA} cannot be had; does the example run already? (${String(cause)})`, { cause });
  }
}

async function removeLastRun(): Promise<void> {
  for (const name of await readdir(DATA)) {
    if (/^(?:journal|ledger|pipeline)\b/.test(name))
      await rm(join(DATA, name), { force: true, recursive: true });
  }
}

interface Watched {
  readonly pipeline: Pipeline;
  readonly shop: Shop;
  readonly progress: Progress;
  /** Orders that have landed when the plug is pulled. */
  readonly crashAfter: number;
}

async function untilAllArrived({ pipeline, shop, progress, crashAfter }: Watched): Promise<void> {
  let isCrashDue = true;
  let seen = "";
  let since = Date.now();
  for (;;) {
    const stages = countStages(await Promise.race([runCounts(pipeline.url), pipeline.failed]));
    if (shop.isDone() && haveAllArrived(stages, acknowledged(readLedger(LEDGER)).length)) {
      return progress.done(stages);
    }
    progress.show(stages);

    if (JSON.stringify(stages) !== seen) [seen, since] = [JSON.stringify(stages), Date.now()];
    if (Date.now() - since > PATIENCE) throw new Error(`nothing arrives any more; see ${LOG}`);

    if (isCrashDue && stages.land.succeeded >= crashAfter) {
      isCrashDue = false;
      progress.say("kill -9 for the pipeline; and starting it again");
      await pipeline.crash();
    }
    await sleep(200, undefined, { signal: interrupted.signal });
  }
}
