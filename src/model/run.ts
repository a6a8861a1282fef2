import { SluiceError, type ErrorRecord } from "./errors.ts";

/**
 * Where a run stands. `docs/state-machine.md` draws the transitions; a test compares it with {@link TRANSITIONS}.
 * `running` is not kept on disk: it is a `queued` or `retrying` run that somebody has taken.
 */
export type RunState = "queued" | "waiting" | "running" | "retrying" | "succeeded" | "dead" | "cancelled";

export const RUN_STATES: readonly RunState[] = [
  "queued",
  "waiting",
  "running",
  "retrying",
  "succeeded",
  "dead",
  "cancelled",
];

/** From each state, the states that can follow it. */
export const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  waiting: ["queued", "cancelled"],
  queued: ["running", "dead", "cancelled"],
  running: ["succeeded", "retrying", "queued", "dead", "cancelled"],
  retrying: ["running", "dead", "cancelled"],
  succeeded: [],
  dead: ["queued", "waiting", "cancelled"],
  cancelled: ["queued", "waiting"],
};

/** Whether nothing more happens to a run by itself. */
export function isFinal(state: RunState): boolean {
  return state === "succeeded" || state === "dead" || state === "cancelled";
}

/** The parts of a run's id. */
export interface RunIdParts {
  readonly event: string;
  readonly process: string;
  /** 0 for the run that routing made, n for the n-th replay that made a new run. */
  readonly replay: number;
}

/** A run's id, `{event uid}/{process}` or `{event uid}/{process}~n`: the idempotency key of all its attempts. */
export function formatRunId(event: string, process: string, replay = 0): string {
  return replay === 0 ? `${event}/${process}` : `${event}/${process}~${replay}`;
}

const RUN_ID = /^([0-9a-f-]{36})\/([^/~]+)(?:~([1-9]\d*))?$/;

/** Reads a run's id; `undefined` if it is none. */
export function parseRunId(id: string): RunIdParts | undefined {
  const match = RUN_ID.exec(id);
  if (match === null) return undefined;
  return {
    event: match[1] as string,
    process: match[2] as string,
    replay: match[3] === undefined ? 0 : Number(match[3]),
  };
}

/** A run as people read it. Times are ISO 8601 or `null`. */
export interface RunRow {
  readonly id: string;
  /** The event's uid. */
  readonly event: string;
  readonly process: string;
  readonly state: RunState;
  /** How many attempts have begun, but for those that cost none. */
  readonly attempts: number;
  /** When it may run next, if that is later than now. */
  readonly dueAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Of the last attempt that failed; `null` after a success. */
  readonly error: ErrorRecord | null;
  /** The id of the run that this one replays. */
  readonly replayOf: string | null;
}

/** One try of a run, as people read it. */
export interface AttemptRow {
  /** Counts from 1. */
  readonly attempt: number;
  readonly fence: number;
  /** The pipeline version it ran under. */
  readonly version: number;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly outcome: AttemptOutcome;
  readonly error: ErrorRecord | null;
}

export type AttemptOutcome =
  | "running"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "released"
  | "abandoned"
  | "postponed";

/** A line that an attempt logged. */
export interface LogRow {
  readonly time: string;
  readonly attempt: number;
  readonly stream: LogStream;
  readonly text: string;
}

export type LogStream = "log" | "stdout" | "stderr" | "progress";

/** Checks a state that somebody asks for. @throws SluiceError INVALID_QUERY */
export function checkRunState(value: string): RunState {
  if ((RUN_STATES as readonly string[]).includes(value)) return value as RunState;
  throw new SluiceError(
    "INVALID_QUERY",
    `${JSON.stringify(value)} is not a state of a run; there are ${RUN_STATES.join(", ")}`,
  );
}
