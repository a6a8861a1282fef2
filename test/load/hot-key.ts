import { join } from "node:path";
import { expect } from "vitest";
import { createLatch, createSignal } from "../../src/testing/index.ts";
import { emitMany, loadFolder, median, startPipeline } from "./pipeline.ts";

export const HOT = "hot";

interface Latencies {
  /** From the acknowledgement to the start of the run, in milliseconds. */
  readonly median: number;
}

/** Emits events of as many keys, a few at a time, while `hot` events of one key wait; how long the others wait. */
export async function latencies(hot: number, others: number): Promise<Latencies> {
  await using folder = await loadFolder();
  const waited: number[] = [];
  const emitted = new Map<string, number>();
  const all = createLatch(others);
  let hotRuns = 0;
  await using orchestrator = await startPipeline(join(folder.path, "journal.db"), {
    name: "work",
    settings: { order: "key", concurrency: 8 },
    async run(event: { id: string; key: string }) {
      if (event.key === HOT) {
        hotRuns += 1;
        // Slow enough for the key to be busy all the time.
        await new Promise((resolve) => setTimeout(resolve, 1));
        return;
      }
      waited.push(performance.now() - (emitted.get(event.id) ?? Number.NaN));
      all.countDown();
    },
  });
  await emitMany(orchestrator, hot, (n) => ({ id: `hot-${n}`, key: HOT }));
  await emitMany(
    orchestrator,
    others,
    (n) => {
      emitted.set(String(n), performance.now());
      return { id: String(n), key: `key-${n}` };
    },
    20,
  );
  await all.wait();
  expect(hot === 0 || hotRuns < hot, "the hot key was busy all along").toBe(true);
  await orchestrator.stop({ grace: "1s" });
  return { median: median(waited) };
}

/** One key that cannot go on, with so many runs: all others must end all the same, and then its own, in order. */
export async function blockedKey(hot: number, others: number): Promise<void> {
  await using folder = await loadFolder();
  const release = createSignal();
  const all = createLatch(others);
  const order: number[] = [];
  await using orchestrator = await startPipeline(join(folder.path, "journal.db"), {
    name: "work",
    settings: { order: "key", concurrency: 8 },
    async run(event: { id: string; key: string }) {
      if (event.key !== HOT) return all.countDown();
      await release.wait();
      order.push(Number(event.id));
    },
  });
  await emitMany(orchestrator, hot, (n) => ({ id: String(n), key: HOT }), 1_000);
  await emitMany(orchestrator, others, (n) => ({ id: String(n), key: `key-${n}` }));
  await all.wait();
  expect(order).toEqual([]);
  release.set();
  await orchestrator.idle();
  expect(order).toEqual(Array.from({ length: hot }, (_, n) => n));
  const { runs } = await orchestrator.history.counters();
  expect(runs["work"]).toMatchObject({ succeeded: hot + others });
}
