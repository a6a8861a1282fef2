import type { ErrorRecord } from "./errors.ts";

/** What stands in the place of a value that must not be shown. */
export const MASK = "***";
/** Shorter values are too likely to stand in a text for another reason. */
const SHORTEST = 6;

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

/** Answers with a function that puts `***` where one of the values stands in a text. */
export function createMask(secrets: Iterable<string>): Redact {
  // The longest first, so that one that is part of another leaves nothing of it.
  const values = [...new Set(secrets)]
    .filter((value) => value.length >= SHORTEST)
    .toSorted((a, b) => b.length - a.length);
  if (values.length === 0) return (text) => text;
  return (text) => values.reduce((masked, value) => masked.replaceAll(value, MASK), text);
}

/** The same error without secrets in what it says. */
export function redactError(error: ErrorRecord, redact: Redact): ErrorRecord {
  return { code: redact(error.code), message: redact(error.message) };
}
