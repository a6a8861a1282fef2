import { expect, test } from "vitest";
import { parseRate } from "./rate.ts";

test.each([
  ["100/s", { count: 100, per: 1_000 }],
  ["10/m", { count: 10, per: 60_000 }],
  ["1000/h", { count: 1_000, per: 3_600_000 }],
])("%s is read", (text, rate) => {
  expect(parseRate(text)).toEqual(rate);
});

test.each(["", "0/s", "1.5/s", "-1/s", "10/d", "10 / s", "10/s ", "1e9/s", "9999999999/s", 10, null])(
  "%j is no rate",
  (text) => {
    expect(() => parseRate(text as string)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  },
);
