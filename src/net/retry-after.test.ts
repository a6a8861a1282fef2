import { expect, test } from "vitest";
import { parseRetryAfter } from "./retry-after.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;

test.each([
  [undefined, undefined],
  ["", undefined],
  ["0", undefined],
  ["-5", undefined],
  ["soon", undefined],
  ["1e9", undefined],
  ["120", 120_000],
  [" 2 ", 2_000],
  ["999999999", HOUR],
  ["9".repeat(400), HOUR],
  ["Thu, 01 Jan 2026 12:00:30 GMT", 30_000],
  ["Thu, 01 Jan 2026 11:00:00 GMT", undefined],
  ["Fri, 01 Jan 2027 12:00:00 GMT", HOUR],
])("Retry-After %j means %j milliseconds", (header, expected) => {
  expect(parseRetryAfter(header, NOW, HOUR)).toBe(expected);
});
