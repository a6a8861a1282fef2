import { expect, test } from "vitest";
import { lapse, localTime } from "./time.ts";

test("times are local, to the millisecond", () => {
  const date = new Date(2026, 10, 4, 7, 1, 9, 5);
  expect(localTime(date.toISOString())).toBe("2026-11-04 07:01:09.005");
  expect(localTime(null)).toBe("-");
});

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1_234, "1.2 s"],
  [61_000, "1m 1s"],
  [3_599_900, "1h 0m"],
  [7_500_000, "2h 5m"],
])("a lapse of %i ms reads %s", (milliseconds, text) => {
  expect(lapse(milliseconds)).toBe(text);
});
