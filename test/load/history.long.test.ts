import { expect, test } from "vitest";
import { besideHistory } from "./history.ts";

test("a million finished runs slow nothing down", async () => {
  const { empty, full, ratio, pageP99, pages } = await besideHistory(1_000_000, 5, 30_000);
  process.stdout.write(
    `beside a million finished runs: ${full.toFixed(0)} events/s, ${empty.toFixed(0)} without, ratio ${ratio.toFixed(2)}; ` +
      `a page of runs takes ${pageP99.toFixed(1)} ms (p99 of ${pages})\n`,
  );
  // The targets are 0.9 and 20 ms, and the bench's to measure: here, no more than a cost that grows is to be seen.
  expect(ratio).toBeGreaterThan(0.6);
  expect(pageP99).toBeLessThan(100);
});
