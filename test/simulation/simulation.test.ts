import { describe, expect, it } from "vitest";
import { simulate } from "./simulate.ts";

/** One seed instead of all: what a failure says. */
const ONLY = process.env["SLUICE_SEED"];
const GROUPS = 8;
const SEEDS_PER_GROUP = 300;

describe("simulation: whatever hosts, disk, processes and operators do, what is promised holds", () => {
  if (ONLY !== undefined) {
    it(`seed ${ONLY}`, async () => {
      const { trace } = await simulate(Number(ONLY));
      process.stdout.write(`${trace.join("\n")}\n`);
    });
    return;
  }

  it.each(Array.from({ length: GROUPS }, (_, i) => i * SEEDS_PER_GROUP + 1))(
    `${SEEDS_PER_GROUP} seeds from %i`,
    { timeout: 120_000 },
    async (first) => {
      for (let seed = first; seed < first + SEEDS_PER_GROUP; seed += 1) await simulate(seed);
    },
  );

  it("goes the same way again for the same seed", async () => {
    for (const seed of [1, 7, 42]) expect((await simulate(seed)).trace).toEqual((await simulate(seed)).trace);
  });
});
