import { SluiceError } from "./errors.ts";

/** Milliseconds as a number, or text such as `"250ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"7d"`. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|[smhd])/g;

/**
 * Reads a duration as milliseconds.
 *
 * @throws SluiceError INVALID_DURATION for text without unit, negative or non-finite numbers.
 */
export function parseDuration(value: Duration): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  if (typeof value === "string" && WHOLE.test(value)) {
    let total = 0;
    for (const [, amount, unit] of value.matchAll(PART)) {
      total += Number(amount) * (UNITS[unit as string] as number);
    }
    return total;
  }
  throw new SluiceError(
    "INVALID_DURATION",
    `${JSON.stringify(value)} is not a duration; write milliseconds as a number, or text such as "250ms", "30s", "5m", "1h30m", "7d"`,
  );
}
