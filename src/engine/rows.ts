import type { InputLag } from "../model/component.ts";
import type { ErrorRecord } from "../model/errors.ts";
import { isoTime } from "../model/event.ts";
import type { RunState } from "../model/run.ts";

export type InputState =
  | "starting"
  | "running"
  | "backing off"
  | "paused"
  | "standby"
  | "failed"
  | "finished"
  | "stopped";

/** How far an input was behind its source when it last told. Times are ISO 8601. */
export interface LagRow {
  readonly at: string;
  /** Changes, messages, files… that wait at the source. */
  readonly events: number | null;
  readonly bytes: number | null;
  /** When the oldest that waits was made; `null` if nothing waits, or its age is not known. */
  readonly oldest: string | null;
  /** Bytes that the source must keep on its account, beyond what waits. */
  readonly retained: number | null;
  readonly details: Readonly<Record<string, string | number>>;
}

export function toLagRow({ events, bytes, oldest, retained, details = {} }: InputLag, now: number): LagRow {
  return {
    at: isoTime(now),
    events: events ?? null,
    bytes: bytes ?? null,
    oldest: oldest === undefined ? null : isoTime(oldest),
    retained: retained ?? null,
    details: { ...details },
  };
}

/** An input as people read it. Times are ISO 8601 or `null`. */
export interface InputRow {
  readonly name: string;
  readonly type: string;
  readonly state: InputState;
  /** Since the pipeline started. */
  readonly restarts: number;
  readonly lastEventAt: string | null;
  readonly lastError: ErrorRecord | null;
  /** Whether it has been silent for longer than its `expectEvery`. */
  readonly silent: boolean;
  /** `null` if it never told. */
  readonly lag: LagRow | null;
}

/** A process as people read it. */
export interface ProcessRow {
  readonly name: string;
  readonly type: string;
  /**
   * `backing off`: no run begins for a while, since it could not be opened, which is tried again, or since it said
   * that what all its runs need is out of order.
   */
  readonly state: "running" | "backing off" | "paused" | "draining" | "stopped";
  readonly concurrency: number;
  /** Attempts under way. */
  readonly running: number;
  /** Attempts that ignored their signal and still go on, though their slot was freed. */
  readonly abandoned: number;
  /** Why it is held, or could not be opened the last time; `null` if neither was. */
  readonly lastError: ErrorRecord | null;
  /** Runs per state, as the journal counts them. */
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
}

export type OrchestratorState = "new" | "starting" | "running" | "stopping" | "stopped";
