import fc from "fast-check";
import { expect, test } from "vitest";
import { isJsonDeeperThan } from "./json-depth.ts";

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test("agrees with a walk of the value, whatever stands in its strings", () => {
  const value = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.constantFrom('["', '\\"[{', "]]", "\\", "\\\\["), fc.string(), fc.integer()),
    node: fc.oneof(
      { maxDepth: 6 },
      tie("leaf"),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie("node"), { maxKeys: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(value, fc.nat(5), (json, limit) => {
      expect(isJsonDeeperThan(JSON.stringify(json), limit)).toBe(depthOf(json) > limit);
    }),
  );
});

test("a hundred thousand levels are too many, and found at once", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  expect(isJsonDeeperThan(deep, 1_000)).toBe(true);
  expect(isJsonDeeperThan(`"${deep}"`, 1_000)).toBe(false);
});
