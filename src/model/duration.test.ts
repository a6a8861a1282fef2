import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration, type Duration } from "./duration.ts";

test.each<[Duration, number]>([
  [0, 0],
  [1.5, 1.5],
  ["250ms", 250],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["7d", 604_800_000],
  ["0.5s", 500],
  ["1h0m1s1ms", 3_601_001],
])("%s is %d milliseconds", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([
  "",
  "5",
  "s",
  "5 s",
  " 5s",
  "5s ",
  "-5s",
  "5S",
  "5sec",
  "1e3ms",
  ".5s",
  "5.s",
  "Infinitys",
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  null,
  undefined,
  {},
])("%j is no duration", (value) => {
  expect(() => parseDuration(value as Duration)).toThrow(
    expect.objectContaining({ code: "INVALID_DURATION" }),
  );
});

test("the parts of a duration add up", () => {
  const part = fc.tuple(fc.nat({ max: 10_000 }), fc.constantFrom("ms", "s", "m", "h", "d"));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const whole = parseDuration(parts.map(([amount, unit]) => `${amount}${unit}`).join(""));
      const sum = parts.reduce((total, [amount, unit]) => total + parseDuration(`${amount}${unit}`), 0);
      expect(whole).toBe(sum);
    }),
  );
});
