import type { Cause, EventRecord } from "../../../model/event.ts";
import { isoTime } from "../../../model/event.ts";
import { formatRunId, type AttemptRow, type RunRow, type RunState } from "../../../model/run.ts";
import { isoOrNull } from "../../rows.ts";
import { RETRYING, STATE_NAMES, SUCCEEDED } from "../../run-code.ts";
import { OPERATION_CODES, OUTCOME_CODES, type TakenRun } from "../layout.ts";
import { fromStoredText } from "../stored-text.ts";
import { readUid } from "../uid-blob.ts";

export type Row = (string | number | null | Uint8Array)[];
export type NameOf = (id: number) => string;

export const EVENT_COLUMNS =
  "e.seq, e.uid, e.source, e.location, e.operation, e.id, e.key, e.time, e.data, e.headers, e.cause";

export function payloadOf(row: Row): Pick<EventRecord, "data" | "headers"> {
  return { data: row[8] as string | null, headers: row[9] as string | null };
}

export function toEventRecord(row: Row, nameOf: NameOf): EventRecord {
  const uid = readUid(row[1] as Uint8Array);
  const id = row[5] as string | null;
  const key = row[6] as string | null;
  const cause = row[10] as string | null;
  return {
    uid,
    trigger: nameOf(row[2] as number),
    location: fromStoredText(row[3] as string),
    operation: OPERATION_CODES[row[4] as number] ?? "unknown",
    id: id === null ? uid : fromStoredText(id),
    key: key === null ? null : fromStoredText(key),
    time: row[7] as number,
    ...payloadOf(row),
    cause: cause === null ? null : (JSON.parse(cause) as Cause),
  };
}

export const RUN_COLUMNS =
  "r.id, r.process, r.state, r.attempts, r.due, r.fence, r.started, r.finished, r.version, r.code, r.message, r.replay, r.replay_of, e.uid";

/** A run as it stands on disk. */
export interface StoredRun {
  readonly key: number;
  readonly uid: string;
  readonly process: string;
  readonly state: number;
  readonly attempts: number;
  readonly due: number;
  readonly fence: number;
  readonly started: number | null;
  readonly finished: number | null;
  readonly version: number | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly replay: number;
  readonly replayOf: number | null;
}

export function toStoredRun(row: Row, uid: string, nameOf: NameOf): StoredRun {
  return {
    key: row[0] as number,
    uid,
    process: nameOf(row[1] as number),
    state: row[2] as number,
    attempts: row[3] as number,
    due: row[4] as number,
    fence: row[5] as number,
    started: row[6] as number | null,
    finished: row[7] as number | null,
    version: row[8] as number | null,
    code: row[9] as string | null,
    message: row[10] as string | null,
    replay: (row[11] as number | null) ?? 0,
    replayOf: row[12] as number | null,
  };
}

/** The claim that holds a run now, if one does: it must be newer than what the row has seen. */
export function claimOf(run: StoredRun, taken: ReadonlyMap<number, TakenRun>): TakenRun | undefined {
  const claim = run.state <= RETRYING ? taken.get(run.key) : undefined;
  return claim !== undefined && claim.fence > run.fence ? claim : undefined;
}

export function toRunRow(run: StoredRun, claim: TakenRun | undefined): RunRow {
  const { uid, process, replay, replayOf } = run;
  return {
    id: formatRunId(uid, process, replay),
    event: uid,
    process,
    state: claim === undefined ? (STATE_NAMES[run.state] as RunState) : "running",
    attempts: claim?.attempt ?? run.attempts,
    dueAt: claim === undefined && run.state === RETRYING && run.due > 0 ? isoTime(run.due) : null,
    startedAt: isoOrNull(claim?.startedAt ?? run.started),
    finishedAt: claim === undefined ? isoOrNull(run.finished) : null,
    error: run.code === null ? null : { code: run.code, message: run.message ?? "" },
    replayOf: replayOf === null ? null : formatRunId(uid, process, replayOf),
  };
}

export const ATTEMPT_COLUMNS = "attempt, fence, version, started, finished, outcome, code, message";

export function toAttemptRow([
  attempt,
  fence,
  version,
  started,
  finished,
  outcome,
  code,
  message,
]: Row): AttemptRow {
  return {
    attempt: attempt as number,
    fence: fence as number,
    version: version as number,
    startedAt: isoTime(started as number),
    finishedAt: isoTime(finished as number),
    outcome: OUTCOME_CODES[outcome as number] ?? "failed",
    error: code === null ? null : { code: code as string, message: (message as string | null) ?? "" },
  };
}

/** The attempt that runs now, or that ended its run well: neither is among those that are kept by themselves. */
export function lastAttempt(run: StoredRun, claim: TakenRun | undefined): AttemptRow[] {
  if (claim !== undefined) {
    const { attempt, fence, startedAt } = claim;
    return [
      {
        attempt,
        fence,
        version: 0,
        startedAt: isoTime(startedAt),
        finishedAt: null,
        outcome: "running",
        error: null,
      },
    ];
  }
  if (run.state !== SUCCEEDED) return [];
  return [
    {
      attempt: run.attempts,
      fence: run.fence,
      version: run.version ?? 0,
      startedAt: isoTime(run.started ?? 0),
      finishedAt: isoOrNull(run.finished),
      outcome: "succeeded",
      error: null,
    },
  ];
}
