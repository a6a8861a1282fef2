import { expect, test } from "vitest";
import { restart } from "./restart.ts";

test("a pipeline with 100,000 queued runs starts, answers, and stays small", async () => {
  const { memoryAbove } = await restart(100_000, false);
  expect(memoryAbove).toBeLessThan(150);
}, 120_000);
