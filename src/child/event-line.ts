import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";

const FIELDS = new Set(["location", "operation", "id", "uid", "time", "key", "data", "headers"]);
/** Said by a program that hands on an event that it was given; the engine knows better. */
const IGNORED = new Set(["trigger", "cause"]);

/**
 * Reads an event that a program wrote as one line of JSON. Each field may be missing.
 *
 * @throws SluiceError INVALID_EVENT, saying what is wrong with it.
 */
export function parseEventLine(line: string): EventInit {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new SluiceError("INVALID_EVENT", `it is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SluiceError("INVALID_EVENT", "it is not a JSON object");
  }
  const unknown = Object.keys(value).find((field) => !FIELDS.has(field) && !IGNORED.has(field));
  if (unknown !== undefined) {
    throw new SluiceError(
      "INVALID_EVENT",
      `an event has no field ${JSON.stringify(unknown)}; what is your own belongs into "data"`,
    );
  }
  return Object.fromEntries(Object.entries(value).filter(([field]) => FIELDS.has(field)));
}
