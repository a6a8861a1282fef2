import { expect, test } from "vitest";
import { besideHistory } from "./history.ts";

test("beside 100,000 finished runs, events are worked off and pages of runs are whole", async () => {
  const report = await besideHistory(100_000, 1, 20_000);
  expect(report.pages).toBeGreaterThan(5);
}, 60_000);
