import type { RunState } from "../model/run.ts";
import { SluiceError } from "../model/errors.ts";

/** How journals write a run's state. `RUNNING` is never kept: it is a queued or retrying run that is taken. */
export const QUEUED = 0;
export const RETRYING = 1;
export const WAITING = 2;
export const SUCCEEDED = 3;
export const DEAD = 4;
export const CANCELLED = 5;
export const RUNNING = 6;

/** By code. */
export const STATE_NAMES: readonly RunState[] = [
  "queued",
  "retrying",
  "waiting",
  "succeeded",
  "dead",
  "cancelled",
  "running",
];

export function isFinalCode(state: number): boolean {
  return state >= SUCCEEDED && state <= CANCELLED;
}

/** Run keys are `event's sequence * RUNS_PER_EVENT + ordinal`: the runs of an event are a range of keys. */
export const RUNS_PER_EVENT = 4096;

/** Fences are `epoch * FENCES_PER_EPOCH + counter`: safe integers for two million epochs. */
export const FENCES_PER_EPOCH: number = 2 ** 32;

/** @throws SluiceError INVALID_EVENT */
export function tooManyRuns(uid: string): SluiceError {
  return new SluiceError(
    "INVALID_EVENT",
    `event ${uid} would have more than ${RUNS_PER_EVENT} runs, replays included; emit the payload as a new event instead`,
  );
}

/** Why a final run cannot be cancelled. */
export const CANCEL_REFUSED = "only an open run, or a dead one that holds up its key, can be cancelled";
