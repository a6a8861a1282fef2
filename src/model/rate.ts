import { SluiceError } from "./errors.ts";

/** At most `count` starts in `per` milliseconds. */
export interface Rate {
  readonly count: number;
  /** Milliseconds. */
  readonly per: number;
}

const RATE = /^(\d+)\/(s|m|h|d)$/;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a rate such as `"100/s"`, `"10/m"`, `"1000/h"`.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export function parseRate(text: string): Rate {
  const match = RATE.exec(text);
  const count = Number(match?.[1]);
  if (match !== null && count >= 1 && Number.isSafeInteger(count)) {
    return { count, per: UNITS[match[2] as string] as number };
  }
  throw new SluiceError("INVALID_OPTIONS", `${JSON.stringify(text)} is not a rate; write "100/s", "10/m" or "1000/h"`);
}
