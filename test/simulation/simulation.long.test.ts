import { it } from "vitest";
import { simulate } from "./simulate.ts";

const SEEDS = 100_000;
const SEEDS_PER_GROUP = 10_000;

it.each(Array.from({ length: SEEDS / SEEDS_PER_GROUP }, (_, i) => i * SEEDS_PER_GROUP + 1))(
  `simulation: ${SEEDS_PER_GROUP} seeds from %i`,
  async (first) => {
    for (let seed = first; seed < first + SEEDS_PER_GROUP; seed += 1) await simulate(seed);
  },
);
