import type { ErrorRecord } from "../model/errors.ts";
import type { DeadLetterGroup } from "./history.ts";
import type { RunRow } from "../model/run.ts";
import { isoTime } from "../model/event.ts";
import { digest, patternOf } from "./fingerprint.ts";

/** Dead runs of one process with one and the same error. */
export interface SameError<Key> {
  readonly process: string;
  readonly error: ErrorRecord;
  readonly count: number;
  /** When they died, in milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  /** Of the newest of them; grows with the runs. */
  readonly newest: Key;
}

const SAMPLES = 5;

/** Puts together what is one error but for the values in its message; largest group first. */
export function groupDeadLetters<Key extends number>(
  all: Iterable<SameError<Key>>,
  rowOf: (key: Key) => RunRow,
): DeadLetterGroup[] {
  const groups = new Map<string, { count: number; first: number; last: number; newest: Key[] }>();
  for (const { process, error, count, first, last, newest } of all) {
    const pattern = patternOf(process, error);
    const group = groups.get(pattern);
    if (group === undefined) {
      groups.set(pattern, { count, first, last, newest: [newest] });
      continue;
    }
    group.count += count;
    group.first = Math.min(group.first, first);
    group.last = Math.max(group.last, last);
    group.newest.push(newest);
    if (group.newest.length > SAMPLES) group.newest = newestOf(group.newest);
  }
  return [...groups]
    .sort(([, a], [, b]) => b.count - a.count || Math.max(...b.newest) - Math.max(...a.newest))
    .map(([pattern, { count, first, last, newest }]) => {
      const rows = newestOf(newest).map(rowOf);
      const row = rows[0] as RunRow;
      return {
        fingerprint: digest(pattern),
        process: row.process,
        error: row.error ?? { code: "RUN_FAILED", message: "" },
        count,
        firstSeen: isoTime(first),
        lastSeen: isoTime(last),
        newest: row,
        samples: rows.map(({ id }) => id),
      };
    });
}

function newestOf<Key extends number>(keys: readonly Key[]): Key[] {
  return [...keys].sort((a, b) => b - a).slice(0, SAMPLES);
}
