// A pipeline in a process of its own, to be killed: source.orders → sql → target.orders → function → target.totals.
import pg from "pg";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput } from "../../src/inputs/postgres/index.ts";
import { withTransaction } from "../../src/postgres/index.ts";
import { sqlProcess } from "../../src/processes/sql/index.ts";

const [connectionString, journal] = process.argv.slice(2) as [string, string];
const pool = new pg.Pool({ connectionString, max: 4 });
pool.on("error", () => undefined);

const orchestrator = new Orchestrator({ journal: `sqlite:${journal}` });
const source = orchestrator.addInput(
  postgresInput({ name: "source", connectionString, tables: ["source.orders"], batchSize: 50 }),
);
const copy = orchestrator.addProcess(
  sqlProcess({
    name: "copy",
    connectionString,
    statement: "insert into target.orders (id, amount) values (:id, :data.amount)",
    concurrency: 4,
    retry: { initial: 50, max: 500, attempts: 20 },
  }),
);
const target = orchestrator.addInput(
  postgresInput({ name: "target", connectionString, tables: ["target.orders"], batchSize: 50 }),
);
const total = orchestrator.addProcess({
  name: "total",
  settings: { concurrency: 1, retry: { initial: 50, max: 500, attempts: 20 } },
  async run(event, context) {
    const { amount } = event.data as { amount: string };
    await withTransaction(pool, context, (tx) =>
      tx.query("update target.totals set orders = orders + 1, amount = amount + $1", [amount]),
    );
  },
});
orchestrator.addLink(source, copy);
orchestrator.addLink(target, total);
process.stdout.write("started\n");
await orchestrator.run();
await pool.end();
