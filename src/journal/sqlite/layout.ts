import type { Operation } from "../../model/operation.ts";
import type { AttemptOutcome, LogStream } from "../../model/run.ts";
import type { Control, ControlResult } from "../work.ts";
import type { PlainError } from "./failure.ts";

/**
 * How the threads talk. What every event costs crosses in one flat array of primitives, the batch; the rest is
 * rare enough for plain objects.
 *
 * A batch is: its number, the time, how many names are new and for each its id and text, how many commits, and for
 * each commit how many appends, settles, puts, controls and logs it has, and these:
 *
 * - append: seq, uid, source, flags, location, then what the flags announce: id, key, time, data, headers, cause,
 *   dedupe; then how many runs, and for each `process * 4 + kind` and what the kind needs.
 * - settle: run, process, outcome (with its flags), fence, attempt, started, finished, version, line; then what the
 *   outcome needs: retry due, delay; all but succeeded and released code, message; succeeded how many appends, and these.
 * - put: owner, key, value, the version that must be there or -1.
 * - control: a {@link ControlMessage}.
 * - log: run, attempt, time, stream, text.
 */
export type Batch = (string | number | null | ControlMessage)[];

export const FLAG_ID = 8;
export const FLAG_KEY = 16;
export const FLAG_DATA = 32;
export const FLAG_HEADERS = 64;
export const FLAG_CAUSE = 128;
export const FLAG_DEDUPE = 256;
export const OPERATION_MASK = 7;

export const OPERATION_CODES: readonly Operation[] = ["unknown", "create", "read", "update", "delete"];
export const STREAM_CODES: readonly LogStream[] = ["log", "stdout", "stderr", "progress"];
export const OUTCOME_CODES: readonly AttemptOutcome[] = [
  "running",
  "succeeded",
  "failed",
  "cancelled",
  "released",
  "abandoned",
  "postponed",
];

export const SEED_PLAIN = 0;
export const SEED_ORDERED = 1;
export const SEED_DEAD = 2;

export const SETTLE_SUCCEEDED = 0;
export const SETTLE_RETRY = 1;
export const SETTLE_DEAD = 2;
export const SETTLE_CANCELLED = 3;
export const SETTLE_RELEASED = 4;
export const SETTLE_MASK = 7;
export const SETTLE_ABANDONED = 8;
export const SETTLE_BLOCKS = 16;
export const SETTLE_POSTPONED = 32;
/** The run was postponed before: it may be retrying, though this is its first attempt. */
export const SETTLE_WAS_POSTPONED = 64;

/** A claim, as far as a thread that does not hold it must know it. */
export interface TakenRun {
  readonly key: number;
  readonly fence: number;
  readonly attempt: number;
  readonly startedAt: number;
}

export interface ControlMessage {
  readonly control: Control;
  /** The highest fence that was given so far: claims up to it lose what the control changes. */
  readonly floor: number;
  /** Those of the runs it may concern that are taken. */
  readonly taken: readonly TakenRun[];
}

/** A run with its event, for the window: see `writer/run-rows.ts`. */
export type FlatRuns = (string | number | null)[];

/** How many values one run takes in {@link FlatRuns}. */
export const RUN_WIDTH = 19;

export type ToWriter =
  | Batch
  | {
      readonly type: "refill";
      readonly process: number;
      readonly after: number;
      readonly retriesAfter: RetryPosition | null;
      readonly now: number;
    }
  | { readonly type: "suspects"; readonly concurrency: ReadonlyMap<number, number>; readonly now: number }
  | { readonly type: "mark"; readonly run: number }
  | { readonly type: "unmark" }
  | { readonly type: "newEpoch" }
  | { readonly type: "clamp"; readonly now: number }
  | { readonly type: "hops"; readonly uids: readonly string[] }
  | { readonly type: "state"; readonly owner: string; readonly key: string }
  /** `cleanly`: what the last owner's death may have left running was looked after. */
  | { readonly type: "close"; readonly cleanly: boolean };

/** How far due retries were read. */
export interface RetryPosition {
  readonly due: number;
  readonly id: number;
}

export type FromWriter =
  | BatchReply
  | {
      readonly type: "refilled";
      readonly process: number;
      readonly fresh: FlatRuns;
      readonly isLast: boolean;
      readonly retries: FlatRuns;
      readonly areLast: boolean;
      readonly nextDue: number | null;
      /** As in a batch's reply. */
      readonly reopenedDatabase: boolean;
    }
  | { readonly type: "answer"; readonly value: unknown }
  | { readonly type: "failed"; readonly error: PlainError }
  | { readonly type: "closed" };

export interface BatchReply {
  readonly type: "batch";
  /** If nothing of it was kept. */
  readonly error?: PlainError;
  /** Runs that are open now. */
  readonly open: number;
  /** Seqs that were not kept: of duplicates, of stale emissions, of commits that failed. */
  readonly skipped?: readonly number[];
  /** Of duplicates: seq and the first one's uid, by turns. */
  readonly duplicates?: readonly (number | string)[];
  /** New runs that wait for an earlier one of their key. */
  readonly waiting?: readonly number[];
  /** Index of the commit and of its settle, by turns. */
  readonly stale?: readonly number[];
  /** Runs whose turn has come. */
  readonly promoted?: FlatRuns;
  /** Index of the commit, and what became of its controls. */
  readonly controls?: readonly (readonly [number, readonly ControlResult[]])[];
  /** Runs that were opened behind the window's back: process and run, by turns. */
  readonly reopened?: readonly number[];
  /** Runs that were ended from outside. */
  readonly ended?: readonly number[];
  /** Commits that failed by themselves. */
  readonly failed?: readonly (readonly [number, PlainError])[];
  /** Dead runs that are no longer kept, by process and code. */
  readonly expired?: readonly (readonly [string, string, number])[];
  /** Whether the database was opened anew: what windows know may be wrong. */
  readonly reopenedDatabase?: boolean;
}

/** What a writer thread is started with. */
export interface WriterData {
  readonly path: string;
  readonly now: number;
  readonly newId: string;
  readonly knownId: string | undefined;
  readonly retention: ResolvedRetention;
  readonly faults: Int32Array | undefined;
}

export interface ResolvedRetention {
  /** Milliseconds. */
  readonly succeeded: number;
  readonly dead: number;
  readonly dedupe: number;
  /** Bytes. */
  readonly maxSize: number;
}

/** The first message of a writer thread. */
export type Hello =
  | {
      readonly type: "hello";
      readonly id: string;
      readonly epoch: number;
      readonly stoppedCleanly: boolean;
      readonly nextSeq: number;
      readonly lastBatch: number;
      readonly names: readonly (readonly [number, string])[];
      readonly paused: readonly string[];
      readonly open: number;
      /** Processes that have runs which may be taken, with when their first retry is due. */
      readonly lanes: readonly (readonly [number, number | null])[];
    }
  | { readonly type: "failed"; readonly error: PlainError };
