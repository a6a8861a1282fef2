import { SluiceError } from "./errors.ts";

/** Most runs that may start in a time. */
export interface Rate {
  /** At least 1. */
  readonly count: number;
  /** Milliseconds. */
  readonly per: number;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
const RATE = /^([1-9]\d{0,8})\/([smh])$/;

/**
 * Reads a rate such as `"100/s"`, `"10/m"` or `"1000/h"`.
 *
 * @throws SluiceError INVALID_OPTIONS for anything else, zero too
 */
export function parseRate(text: string): Rate {
  const match = typeof text === "string" ? RATE.exec(text) : null;
  if (match !== null) {
    return { count: Number(match[1]), per: UNITS[match[2] as string] as number };
  }
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${JSON.stringify(text)} is not a rate; write a whole number from 1 a second, minute or hour, such as "100/s", "10/m", "1000/h"`,
  );
}
