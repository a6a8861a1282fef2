import { SluiceError } from "./errors.ts";

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Reads a time of a filter as milliseconds since 1970. @throws SluiceError INVALID_QUERY */
export function readTime(key: string, text: string): number {
  const time = ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new SluiceError(
    "INVALID_QUERY",
    `${key} must be a time such as 2026-11-24T10:30:00Z, not ${JSON.stringify(text)}`,
  );
}
