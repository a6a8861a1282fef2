import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";

const FIELDS = new Set(["location", "operation", "id", "uid", "time", "key", "data", "headers"]);
/** Said by a program that hands on an event that it was given; the engine knows better. */
const IGNORED = new Set(["trigger", "cause"]);

/**
 * Reads a line of JSON that a program wrote.
 *
 * @throws SluiceError INVALID_EVENT, saying what is wrong with it.
 */
export function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new SluiceError("INVALID_EVENT", `it is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** @throws SluiceError INVALID_EVENT */
export function parseObject(line: string): Readonly<Record<string, unknown>> {
  const value = parseJson(line);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new SluiceError("INVALID_EVENT", "it is not a JSON object");
}

/**
 * Takes an event out of what a program wrote. Each field may be missing.
 *
 * @throws SluiceError INVALID_EVENT, saying what is wrong with it.
 */
export function parseEvent(value: Readonly<Record<string, unknown>>): EventInit {
  const unknown = Object.keys(value).find((field) => !FIELDS.has(field) && !IGNORED.has(field));
  if (unknown !== undefined) {
    throw new SluiceError(
      "INVALID_EVENT",
      `an event has no field ${JSON.stringify(unknown)}; what is your own belongs into "data"`,
    );
  }
  return Object.fromEntries(Object.entries(value).filter(([field]) => FIELDS.has(field)));
}
