import { copyFile, mkdtemp } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { sample, type SampleRequest, type Scenario } from "../scenario.ts";

const EVENTS = 100_000;
const PROGRAM = "programs/restart.ts";

export const scenario: Scenario = {
  name: "G",
  title: "restart with 100,000 queued runs, after kill -9; time from the program's start",
  async prepare(folder) {
    await sample({
      program: "programs/queue.ts",
      options: { journal: `${folder}/queued.db`, events: EVENTS },
    });
  },
  samples: {
    idle: () => ({ program: PROGRAM, options: { events: 0 } }),
    queued: async (folder): Promise<SampleRequest> => ({
      program: PROGRAM,
      options: { journal: await copyJournal(folder), events: EVENTS },
    }),
  },
  measures: [
    {
      label: "first run started after",
      unit: "s",
      digits: 2,
      of: (value) => value("queued", "firstRun"),
      aim: { atMost: 1.5 },
    },
    {
      label: "memory then, above an idle start",
      unit: "MB",
      digits: 0,
      of: (value) => value("queued", "memory") - value("idle", "memory"),
    },
    {
      label: "most memory until all have run, above the same",
      unit: "MB",
      digits: 0,
      of: (value) => value("queued", "mostMemory") - value("idle", "memory"),
      aim: { atMost: 150 },
    },
    { label: "idle start", unit: "s", digits: 2, of: (value) => value("idle", "firstRun") },
    { label: "memory of an idle start", unit: "MB", digits: 0, of: (value) => value("idle", "memory") },
    { label: "all have run after", unit: "s", digits: 1, of: (value) => value("queued", "allRun") },
  ],
};

/** As the kill left it: what had not been brought into the database yet is beside it. */
async function copyJournal(folder: string): Promise<string> {
  const copy = join(await mkdtemp(`${folder}/restart-`), "journal.db");
  for (const suffix of ["", "-wal"]) {
    const file = `${folder}/queued.db${suffix}`;
    if (existsSync(file)) await copyFile(file, `${copy}${suffix}`);
  }
  return copy;
}
