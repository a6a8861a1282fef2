import fc from "fast-check";
import { expect, test } from "vitest";
import { checkName } from "./name.ts";

test.each(["a", "raw_orders", "Raw.Orders-2", "_x", "9lives", "x".repeat(100)])("%s is a name", (name) => {
  expect(checkName(name, "input")).toBe(name);
});

test.each([
  "",
  "-a",
  ".a",
  "a b",
  "a/b",
  "a~1",
  "a\n",
  "ä",
  "a%2f",
  'x"; DROP TABLE y; --',
  "__proto__",
  "constructor",
  "toString",
  "x".repeat(101),
  7,
  null,
  undefined,
  ["a"],
])("%j is no name, and the error says whose", (name) => {
  expect(() => checkName(name, "the input")).toThrow(
    expect.objectContaining({
      code: "INVALID_NAME",
      message: expect.stringMatching(/^the input has the name/),
    }),
  );
});

test("what is a name needs no escaping in a URL", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 120 }), (text) => {
      let name: string;
      try {
        name = checkName(text, "x");
      } catch {
        return;
      }
      expect(encodeURIComponent(name)).toBe(name);
    }),
    { numRuns: 2_000 },
  );
});
