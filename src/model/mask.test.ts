import { expect, test } from "vitest";
import { createMask } from "./mask.ts";

test("secrets are masked wherever they stand, the longer one first", () => {
  const mask = createMask(["hunter2hunter2", "hunter2", "x".repeat(6)]);
  expect(mask("a hunter2hunter2 b hunter2 c xxxxxx.")).toBe("a *** b *** c ***.");
});

test("values too short to be told from other text, and no values at all, mask nothing", () => {
  expect(createMask(["1", ""])("1 + 1")).toBe("1 + 1");
  expect(createMask([])("text")).toBe("text");
});
