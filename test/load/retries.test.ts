import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createFakeClock } from "../../src/testing/index.ts";
import { createSeededRandom, stopWith } from "../support/engine.ts";
import { emitMany, loadFolder, startPipeline } from "./pipeline.ts";

const RUNS = 10_000;

test("10,000 runs that fail at once come back spread: no second has more than three times the mean", async () => {
  await using folder = await loadFolder();
  const file = join(folder.path, "journal.db");
  const clock = createFakeClock();
  const began = clock.now();
  /** Attempts after the first, per second since the failure. */
  const seconds: number[] = [];
  let failed = 0;
  const orchestrator = await startPipeline(
    file,
    {
      name: "work",
      settings: { concurrency: 100, retry: { attempts: 3, initial: "10s", factor: 2 } },
      run(_, { attempt }) {
        if (attempt === 1) failed += 1;
        else {
          const second = Math.floor((clock.now() - began) / 1_000);
          seconds[second] = (seconds[second] ?? 0) + 1;
        }
        if (attempt < 3) throw new Error("not yet");
      },
    },
    { clock, random: createSeededRandom(7) },
  );
  const database = new DatabaseSync(file, { readOnly: true });
  const overdue = database.prepare("select count(*) as n from runs where state <= 1 and due <= ?");
  /** Time stands still until all that is due now was run, and its outcome kept. */
  const quiet = async (): Promise<void> => {
    do await clock.advance(0);
    while (overdue.get(clock.now())?.["n"] !== 0);
  };
  try {
    await emitMany(orchestrator, RUNS, (n) => ({ id: String(n) }));
    await quiet();
    expect(failed).toBe(RUNS);
    for (let second = 0; second < 31; second += 1) {
      await clock.advance(1_000);
      await quiet();
    }
    const { runs } = await orchestrator.history.counters();
    expect(runs["work"]).toMatchObject({ succeeded: RUNS });
  } finally {
    database.close();
    await stopWith(orchestrator, clock);
  }
  const busy = seconds.filter((count) => count > 0);
  const mean = (2 * RUNS) / busy.length;
  expect(busy.reduce((sum, count) => sum + count, 0)).toBe(2 * RUNS);
  expect(busy.length).toBeGreaterThan(25);
  expect(Math.max(...busy) / mean).toBeLessThan(3);
}, 60_000);
