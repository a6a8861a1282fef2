import { isFinal, RUN_STATES, type RunState } from "../model/run.ts";
import type { Lane } from "./lane.ts";
import type { ProcessRow } from "./rows.ts";

type RunCounts = Readonly<Partial<Record<RunState, number>>>;

/** How many of the counted runs are not over. */
export function openRuns(counts: RunCounts): number {
  let open = 0;
  for (const state of RUN_STATES) if (!isFinal(state)) open += counts[state] ?? 0;
  return open;
}

export function processRow(lane: Lane, runs: RunCounts, isDraining: boolean): ProcessRow {
  const { process, settings, lastError } = lane.occupant;
  return {
    name: lane.name,
    type: process.type ?? "custom",
    state: stateOf(lane, isDraining),
    concurrency: settings.concurrency,
    running: lane.running,
    abandoned: lane.abandoned,
    lastError,
    runs,
  };
}

function stateOf(lane: Lane, isDraining: boolean): ProcessRow["state"] {
  if (lane.isPaused) return "paused";
  if (lane.occupant.isBackingOff) return "backing off";
  return isDraining ? "draining" : "running";
}
