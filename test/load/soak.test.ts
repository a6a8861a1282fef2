import { test } from "vitest";
import { expectFlat, soak } from "./soak.ts";

test("some seconds of steady load leave memory, descriptors and disk as they were, and retention holds", async () => {
  const options = { seconds: 14, rate: 1_000, keep: 1_500 };
  const growth = await soak(options);
  expectFlat(growth, options);
}, 60_000);
