import { expect, test } from "vitest";
import { changeUnderLoad } from "./under-load.ts";

test(
  "fifty applies of every kind under load: nothing is lost or done twice, each run keeps its version, what stays is not touched",
  { timeout: 120_000 },
  async () => {
    const { acknowledged, applied, refused, broken } = await changeUnderLoad(50, 4_000);
    expect(broken.slice(0, 10)).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(4_000);
    expect(applied + refused).toBe(50);
    expect(refused).toBeGreaterThan(5);
  },
);
