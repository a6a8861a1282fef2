// Rain sensors at stadiums write their readings into one database. They are cleansed into a second, and summed up in a
// third, which says when to cover the pitch. This file is the whole pipeline; the others are the world around it.
import { Orchestrator, PermanentError, type Event } from "sluice";
import { postgresInput } from "sluice/inputs/postgres";
import { createPool, withTransaction } from "sluice/postgres";
import { sqlProcess } from "sluice/processes/sql";
import { startDatabases } from "./databases.ts";
import { demonstrate } from "./demonstrate.ts";
import type { Reading } from "./sensors.ts";

const MILLIMETRES = new Map([
  ["mm", 1],
  ["in", 25.4],
]);

await using databases = await startDatabases();
await using cleansed = await createPool({ connectionString: databases.cleansed });
await using orchestrator = new Orchestrator({ name: "stadium", journal: `sqlite:${databases.journal}` });

// raw.readings → cleansed.rain, in TypeScript: an event for each row that is inserted, the row in its `data`.
const readings = orchestrator.addInput<Reading>(
  postgresInput({ name: "readings", connectionString: databases.raw, tables: ["readings"] }),
);
const cleanse = orchestrator.addProcess({
  name: "cleanse",
  async run({ data: { stadium, read_at, amount, unit } }: Event<Reading>, context) {
    // Trying again cannot mend a reading: a PermanentError makes the run a dead letter at once, grouped by what is wrong.
    const factor = MILLIMETRES.get(unit);
    if (factor === undefined) throw new PermanentError(`${amount} ${unit}?`, { code: "UNKNOWN_UNIT" });
    const millimetres = Number(amount) * factor;
    if (!(millimetres >= 0 && millimetres < 100)) {
      throw new PermanentError("no five minutes bring that much rain", { code: "IMPOSSIBLE" });
    }
    // A run may be started again, after a crash for example. That it was done is recorded in the same transaction.
    await withTransaction(cleansed, context, (tx) =>
      tx.query("insert into rain (stadium, at, millimetres) values ($1, $2, $3)", [
        stadium,
        read_at,
        millimetres,
      ]),
    );
  },
});
orchestrator.addLink(readings, cleanse);

// cleansed.rain → reporting.rain_by_hour, in SQL. Its effect happens once per event, so it may simply add.
const rain = orchestrator.addInput(
  postgresInput({ name: "rain", connectionString: databases.cleansed, tables: ["rain"] }),
);
const report = orchestrator.addProcess(
  sqlProcess({
    name: "report",
    connectionString: databases.reporting,
    statement: `
      insert into rain_by_hour as known (stadium, hour, millimetres)
      values (:data.stadium, date_trunc('hour', :data.at::timestamptz, 'UTC'), :data.millimetres::numeric)
      on conflict (stadium, hour) do update set millimetres = known.millimetres + excluded.millimetres`,
  }),
);
orchestrator.addLink(rain, report);

// A pipeline goes on until it is told to end: `await orchestrator.run()`. This one ends when the sensors have no more.
await orchestrator.start();
process.exitCode = (await demonstrate(orchestrator, databases)) ? 0 : 1;
