import { isDeepStrictEqual } from "node:util";

/** Whether two values of config files say the same, whichever format they were read from. */
export function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

/** Parsers differ in the prototypes of their tables, and in how they read a date. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
