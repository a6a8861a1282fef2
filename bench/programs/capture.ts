// What it takes to hear of a table's changes: `node bench/programs/capture.ts '{"measure":"bulk","subject":"outbox",…}'`.
import pg from "pg";
import { LogicalReplicationService, PgoutputPlugin } from "pg-logical-replication";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput } from "../../src/inputs/postgres/index.ts";
import { takeSample } from "../program.ts";

export interface CaptureOptions {
  readonly measure: "bulk" | "writers" | "latency";
  /** `drain` deletes from a table, a thousand rows at a time; `client` is the bare replication client. */
  readonly subject: "none" | "drain" | "client" | "outbox" | "replication";
  /** A database of its own. */
  readonly url: string;
  readonly rows: number;
}

type See = (id: number) => void;
type Stop = () => Promise<unknown>;

await takeSample(async (options: CaptureOptions, folder) => {
  const client = new pg.Client(options.url);
  await client.connect();
  await client.query("create table t (id int primary key, padding text)");
  const seen = new Uint8Array(options.rows);
  const all = Promise.withResolvers<void>();
  const times = { first: 0, last: 0 };
  let count = 0;
  let onSeen: See | undefined;
  const see: See = (id) => {
    if (count++ === 0) times.first = performance.now();
    seen[id] = (seen[id] ?? 0) + 1;
    onSeen?.(id);
    if (count < options.rows) return;
    times.last = performance.now();
    all.resolve();
  };
  const insert = `insert into t select i, repeat('x', 100) from generate_series(0, ${options.rows - 1}) i`;
  if (options.subject === "drain") await client.query(insert);
  const stop = await listen(options, client, folder, see);
  const figures: Record<string, number> = {};

  if (options.measure === "bulk") {
    if (options.subject !== "drain") await client.query(insert);
    await all.promise;
    figures["rate"] = options.rows / ((times.last - times.first) / 1_000);
  } else if (options.measure === "writers") {
    figures["rate"] = await write(options);
    if (options.subject !== "none") await all.promise;
  } else {
    const delays: number[] = [];
    for (let id = 0; id < options.rows; id += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const heard = Promise.withResolvers<number>();
      onSeen = () => heard.resolve(performance.now());
      await client.query("insert into t values ($1, 'x')", [id]);
      const committed = performance.now();
      delays.push(Math.max(0, (await heard.promise) - committed));
    }
    delays.sort((one, other) => one - other);
    figures["p50"] = delays[Math.floor(delays.length / 2)] ?? 0;
    figures["p99"] = delays[Math.floor(delays.length * 0.99)] ?? 0;
  }
  await stop();
  await client.end();
  const listens = options.subject !== "none";
  return {
    ...figures,
    lost: listens ? seen.filter((times) => times === 0).length : 0,
    doubled: seen.filter((times) => times > 1).length,
  };
});

/** Rows a second of 16 connections, each of which commits row by row. */
async function write({ url, rows }: CaptureOptions): Promise<number> {
  const clients = Array.from({ length: 16 }, () => new pg.Client(url));
  await Promise.all(clients.map((client) => client.connect()));
  let next = 0;
  const from = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (next < rows) await client.query("insert into t values ($1, 'x')", [next++]);
    }),
  );
  const rate = rows / ((performance.now() - from) / 1_000);
  await Promise.all(clients.map((client) => client.end()));
  return rate;
}

async function listen(
  { subject, url, measure }: CaptureOptions,
  client: pg.Client,
  folder: string,
  see: See,
): Promise<Stop> {
  if (subject === "none") return async () => undefined;
  if (subject === "drain") return drain(client, see);
  if (subject === "client") return replicate(url, client, see);
  const journal = measure === "writers" ? "memory:" : `sqlite:${folder}/journal.db`;
  const orchestrator = new Orchestrator({ journal });
  orchestrator.addInput(postgresInput({ name: "rows", connectionString: url, tables: ["t"], mode: subject }));
  orchestrator.addProcess({ name: "see", run: ({ data }) => see((data as { id: number }).id) });
  orchestrator.addLink("rows", "see");
  await orchestrator.start();
  await orchestrator.ready();
  return () => orchestrator.stop();
}

async function drain(client: pg.Client, see: See): Promise<Stop> {
  for (;;) {
    const { rows } = await client.query(
      "delete from t where id < (select min(id) + 1000 from t) returning id, row_to_json(t.*)::text as row",
    );
    if (rows.length === 0) return async () => undefined;
    for (const { row } of rows) see((JSON.parse(row as string) as { id: number }).id);
  }
}

async function replicate(url: string, client: pg.Client, see: See): Promise<Stop> {
  const slot = `bare_${process.pid}`;
  await client.query("create publication bare for table t");
  await client.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  const service = new LogicalReplicationService(
    { connectionString: url },
    { acknowledge: { auto: false, timeoutSeconds: 0 } },
  );
  service.on("error", () => undefined);
  service.on("data", (_lsn: string, message: { tag: string; new?: { id: number } }) => {
    if (message.tag === "insert" && message.new !== undefined) see(message.new.id);
  });
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ["bare"] });
  const started = new Promise((resolve) => service.once("start", resolve));
  void service.subscribe(plugin, slot).catch(() => undefined);
  await started;
  return () => service.stop();
}
