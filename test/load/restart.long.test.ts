import { expect, test } from "vitest";
import { restart } from "./restart.ts";

test("a pipeline with 100,000 queued runs is up at once, answers, and stays small while it works them off", async () => {
  const { idleReady, ready, firstRun, slowestAnswer, memoryAbove } = await restart(100_000, true);
  process.stdout.write(
    `restart with 100,000 queued runs: ready after ${ready} ms (idle: ${idleReady} ms), first run after ${firstRun} ms; ` +
      `slowest answer ${slowestAnswer.toFixed(0)} ms; peak memory ${memoryAbove.toFixed(0)} MB above idle\n`,
  );
  expect(memoryAbove).toBeLessThan(150);
  // Of which the idle start is Node and the modules: the target counts what the queue adds.
  expect(firstRun - idleReady).toBeLessThan(1_500);
  expect(slowestAnswer).toBeLessThan(2_000);
});
