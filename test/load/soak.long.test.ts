import { test } from "vitest";
import { expectFlat, soak } from "./soak.ts";

test("minutes of steady load leave memory, descriptors and disk as they were, and retention holds", async () => {
  const options = { seconds: 240, rate: 2_000, keep: 10_000 };
  const growth = await soak(options);
  process.stdout.write(`soak of ${options.seconds} s, second quarter and last: ${JSON.stringify(growth)}\n`);
  expectFlat(growth, options);
});
