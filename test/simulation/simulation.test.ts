import { describe, expect, it } from "vitest";
import { simulate } from "./simulate.ts";

/** One seed instead of all, with its trace: what a failure says. */
const ONLY = process.env["SLUICE_SEED"];
const GROUPS = 8;
const SEEDS_PER_GROUP = ONLY === undefined ? 300 : 1;
const FIRST_SEEDS =
  ONLY === undefined ? Array.from({ length: GROUPS }, (_, i) => i * SEEDS_PER_GROUP + 1) : [Number(ONLY)];

describe("simulation: whatever hosts, disk, processes and operators do, what is promised holds", () => {
  it.each(FIRST_SEEDS)(`${SEEDS_PER_GROUP} seeds from %i`, { timeout: 120_000 }, async (first) => {
    for (let seed = first; seed < first + SEEDS_PER_GROUP; seed += 1) {
      const { trace } = await simulate(seed);
      if (ONLY !== undefined) process.stdout.write(`${trace.join("\n")}\n`);
    }
  });

  it("goes the same way again for the same seed", async () => {
    for (const seed of [1, 7, 42]) expect((await simulate(seed)).trace).toEqual((await simulate(seed)).trace);
  });
});
