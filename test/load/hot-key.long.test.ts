import { expect, test } from "vitest";
import { latencies } from "./hot-key.ts";
import { median } from "./pipeline.ts";

const ROUNDS = 5;

test("a key with 10,000 runs does not move the latency of 10,000 other keys", async () => {
  const without: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    without.push((await latencies(0, 10_000)).median);
    beside.push((await latencies(10_000, 10_000)).median);
  }
  const ratio = median(beside) / median(without);
  process.stdout.write(
    `hot key: median latency ${median(without).toFixed(2)} ms without, ${median(beside).toFixed(2)} ms beside it, ratio ${ratio.toFixed(2)}\n`,
  );
  expect(ratio).toBeLessThan(2);
});
