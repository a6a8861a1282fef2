import { expect, test } from "vitest";
import { lagText } from "./lag.ts";

const now = "2026-11-24T12:00:00.000Z";
const lag = { at: now, events: null, bytes: null, oldest: null, retained: null, details: {} };

test.each([
  [null, "-"],
  [{ ...lag, events: 0, bytes: 8_192 }, "nothing"],
  [{ ...lag, bytes: 0 }, "nothing"],
  [{ ...lag, events: 1 }, "1 event"],
  [{ ...lag, events: 12, bytes: 40_960, oldest: "2026-11-24T11:56:56.000Z" }, "12 events, 41 kB, for 3m 4s"],
  [{ ...lag, bytes: 3_400_000_000 }, "3.4 GB"],
  [{ ...lag, bytes: 9_120, retained: 16_000_000 }, "9.1 kB (16 MB kept)"],
  [{ ...lag, bytes: 0, retained: 56 }, "nothing (56 B kept)"],
  [{ ...lag, events: 2, oldest: "2026-11-24T12:00:07.000Z" }, "2 events, for 0 ms"],
])("what waits at the source reads as people say it: %j", (row, text) => {
  expect(lagText(row, now)).toBe(text);
});
