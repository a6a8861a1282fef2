import type { ErrorRecord } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import { formatRunId } from "../model/run.ts";
import type { Append, AppendResult, RunSeed } from "../journal/work.ts";
import { runDied } from "./diagnostics.ts";

/** Tells of runs that were dead when they were made. @param results what the journal answered; none: it took all */
export function publishDead(
  pipeline: string,
  appends: readonly Append[],
  results?: readonly AppendResult[],
): void {
  if (!runDied.hasSubscribers) return;
  for (const [i, { event, runs }] of appends.entries()) {
    if (results?.[i]?.duplicate !== true) for (const seed of runs) publishDeadSeed(pipeline, event, seed);
  }
}

export function publishDeadSeed(pipeline: string, event: EventRecord, { process, dead }: RunSeed): void {
  if (dead !== undefined) publishDied(pipeline, process, formatRunId(event.uid, process), event, dead);
}

export function publishDied(
  pipeline: string,
  process: string,
  run: string,
  event: EventRecord,
  error: ErrorRecord,
): void {
  if (runDied.hasSubscribers) runDied.publish({ pipeline, process, run, event, error });
}
