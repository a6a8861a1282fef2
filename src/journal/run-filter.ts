import { SluiceError } from "../model/errors.ts";
import type { RunRow } from "../model/run.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { RunQuery } from "./history.ts";

/** What of an event a filter looks at. */
export interface EventFacts {
  readonly trigger: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export type RunFilter = (run: RunRow, event: () => EventFacts) => boolean;

const LONGEST_TEXT = 200;

/**
 * The part of a query that no index answers: each run is looked at. `undefined` if there is none.
 *
 * @throws SluiceError INVALID_QUERY
 */
export function runFilter({ input, since, until, text, fingerprint }: RunQuery): RunFilter | undefined {
  const checks: RunFilter[] = [];
  if (input !== undefined) checks.push((_, event) => event().trigger === input);
  if (since !== undefined) checks.push((_, event) => event().time >= since);
  if (until !== undefined) checks.push((_, event) => event().time < until);
  if (text !== undefined) checks.push(contains(text));
  if (fingerprint !== undefined) {
    checks.push(
      ({ state, process, error }) =>
        state === "dead" &&
        fingerprintOf(process, error ?? { code: "RUN_FAILED", message: "" }) === fingerprint,
    );
  }
  return checks.length === 0 ? undefined : (run, event) => checks.every((check) => check(run, event));
}

function contains(text: string): RunFilter {
  if (text.length > LONGEST_TEXT) {
    throw new SluiceError("INVALID_QUERY", `the text to look for is longer than ${LONGEST_TEXT} characters`);
  }
  const wanted = text.toLowerCase();
  return ({ id, error }) => `${id}\n${error?.code}\n${error?.message}`.toLowerCase().includes(wanted);
}
