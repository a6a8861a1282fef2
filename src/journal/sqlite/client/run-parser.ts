import type { Cause, EventRecord } from "../../../model/event.ts";
import { OPERATION_CODES, RUN_WIDTH, type FlatRuns } from "../layout.ts";
import { fromStoredText } from "../stored-text.ts";
import type { WindowRun } from "./held-claim.ts";

/** A run that the writer read, and when it was due: 0 for one that was no retry. */
export interface ReadRun {
  readonly run: WindowRun;
  readonly due: number;
}

/** Reads what `writer/run-rows.ts` made flat. */
export function parseRuns(flat: FlatRuns, nameOf: (id: number) => string): ReadRun[] {
  const runs: ReadRun[] = [];
  for (let at = 0; at < flat.length; at += RUN_WIDTH) runs.push(parseRun(flat, at, nameOf));
  return runs;
}

function parseRun(flat: FlatRuns, at: number, nameOf: (id: number) => string): ReadRun {
  const number = (column: number): number => flat[at + column] as number;
  const text = (column: number): string => flat[at + column] as string;
  const textOrNull = (column: number): string | null => flat[at + column] as string | null;
  const uid = text(8);
  const id = textOrNull(12);
  const key = textOrNull(13);
  const cause = textOrNull(17);
  const event: EventRecord = {
    uid,
    trigger: nameOf(number(9)),
    location: fromStoredText(text(10)),
    operation: OPERATION_CODES[number(11)] ?? "unknown",
    id: id === null ? uid : fromStoredText(id),
    key: key === null ? null : fromStoredText(key),
    time: number(14),
    data: textOrNull(7) ?? textOrNull(15),
    headers: textOrNull(16),
    cause: cause === null ? null : (JSON.parse(cause) as Cause),
  };
  const run: WindowRun = {
    key: number(0),
    process: nameOf(number(1)),
    event,
    attempts: number(2),
    postponed: (flat[at + 18] as number | null) ?? 0,
    replay: (flat[at + 3] as number | null) ?? 0,
    replayOf: flat[at + 4] as number | null,
    line: textOrNull(5),
  };
  return { run, due: number(6) };
}
