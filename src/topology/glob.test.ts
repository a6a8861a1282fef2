import fc from "fast-check";
import { expect, test } from "vitest";
import { compileGlobs } from "./glob.ts";

test.each([
  ["raw.orders", "raw.orders", true],
  ["raw.orders", "raw_orders", false],
  ["raw.*", "raw.orders", true],
  ["raw.*", "raw.orders.eu", false],
  ["raw.*", "raw.", true],
  ["raw.*", "raw", false],
  ["*.orders", "raw.orders", true],
  ["*", "raw.orders", false],
  ["*", "orders", true],
  ["/in/*.csv", "/in/a.csv", true],
  ["/in/*.csv", "/in/deep/a.csv", false],
  ["/in/**.csv", "/in/deep/a.csv", true],
  ["**", "", true],
  ["**", "any/thing.at\nall", true],
  ["***", "any/thing", true],
  ["or?ers", "orders", false],
  ["a+b[c]{d}(e)|^$\\", "a+b[c]{d}(e)|^$\\", true],
  ["*|x", "x", false],
  ["größe.*", "größe.😀", true],
])("the glob %j over %j answers %s", (glob, location, matches) => {
  expect(compileGlobs([glob])(location)).toBe(matches);
});

test("one of several globs is enough", () => {
  const matches = compileGlobs(["raw.*", "topics/orders"]);
  expect(["raw.orders", "topics/orders", "topics/x"].map(matches)).toEqual([true, true, false]);
});

test("text without a star matches itself alone, whatever is in it", () => {
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("*"));
  fc.assert(
    fc.property(text, text, (glob, location) => {
      expect(compileGlobs([glob])(location)).toBe(glob === location);
      expect(compileGlobs([glob, "*\u0000*"])(glob)).toBe(true);
    }),
  );
});

test("globs match what the regular expression that they stand for does", () => {
  const glob = fc.string({
    unit: fc.constantFrom("a", "b", ".", "/", "*", "**", "\ud83d\ude00"),
    maxLength: 8,
  });
  const location = fc.string({
    unit: fc.constantFrom("a", "b", ".", "/", "*", "\ud83d\ude00"),
    maxLength: 10,
  });
  fc.assert(
    fc.property(glob, location, (pattern, text) => {
      const source = pattern.replace(/\*+|[./]/g, (part) =>
        part.length > 1 ? "[^]*" : part === "*" ? "[^/.]*" : `\\${part}`,
      );
      expect(compileGlobs([pattern])(text)).toBe(new RegExp(`^${source}$`).test(text));
    }),
    { numRuns: 2_000 },
  );
});

test("a long location that almost matches takes no long time", () => {
  const began = performance.now();
  expect(compileGlobs(["**/orders/**/orders/**/x"])("/orders".repeat(140_000))).toBe(false);
  expect(compileGlobs([`${"*a".repeat(50)}b`])("a".repeat(10_000))).toBe(false);
  expect(performance.now() - began).toBeLessThan(5_000);
});
