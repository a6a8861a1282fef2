import type { RunState } from "./types.ts";

/** What can be done to a run. */
export type RunAction = "replay" | "cancel";

// The page may not import what the server runs; a test holds these against the model.

export const RUN_STATES: readonly RunState[] = [
  "queued",
  "waiting",
  "running",
  "retrying",
  "succeeded",
  "dead",
  "cancelled",
];

/** In which states each can be done. */
export const ACTS_ON: Readonly<Record<RunAction, ReadonlySet<RunState>>> = {
  replay: new Set(["succeeded", "dead", "cancelled"]),
  cancel: new Set(["queued", "waiting", "running", "retrying", "dead"]),
};

/** Whether nothing more happens to a run by itself: then it can be replayed. */
export function isSettled(state: RunState): boolean {
  return ACTS_ON.replay.has(state);
}
