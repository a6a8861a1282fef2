import type { Cause } from "./event.ts";
import { parseRunId } from "./run.ts";

/** A run that calls others names itself in these headers, so that what it causes there can be followed. */
export const RUN_HEADER = "x-sluice-run";
/** How many runs the cause of the call has behind it, this one too. */
export const HOPS_HEADER = "x-sluice-hops";

const HOPS = /^\d{1,6}$/;

/** The run that sent a request, without its trace context; `undefined` if the headers name none, or no run's id. */
export function readSendingRun(headers: { get(name: string): string | null }): Cause | undefined {
  const run = headers.get(RUN_HEADER);
  if (run === null || parseRunId(run) === undefined) return undefined;
  const hops = headers.get(HOPS_HEADER) ?? "";
  return { runs: [run], hops: HOPS.test(hops) ? Number(hops) : 0 };
}
