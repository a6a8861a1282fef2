import type { Cause } from "./event.ts";
import { parseRunId } from "./run.ts";
import { isTraceparent, parseTraceparent } from "./traceparent.ts";

/** Longest `sluice.cause`, in characters: what captures keep. */
const LIMIT = 200;
/** Stands in no run's id and no trace context. */
const SEPARATOR = ";";

/**
 * A run as the cause of what it changes in a database, for `sluice.cause`: its id, and its trace context if somebody
 * records that trace and there is room.
 */
export function formatCauseText(run: string, traceparent: string | undefined): string {
  const isTraced = traceparent !== undefined && ((parseTraceparent(traceparent)?.traceFlags ?? 0) & 1) === 1;
  const traced = `${run}${SEPARATOR}${traceparent}`;
  return isTraced && traced.length <= LIMIT ? traced : run.slice(0, LIMIT);
}

/** Nothing that stands there is trusted to be what we set; hops are the journal's to tell. `undefined` if it is not. */
export function parseCauseText(text: string | null): Cause | undefined {
  const [run = "", traceparent, ...more] = text?.split(SEPARATOR) ?? [];
  if (parseRunId(run) === undefined || more.length > 0) return undefined;
  if (traceparent === undefined) return { runs: [run], hops: 0 };
  return isTraceparent(traceparent) ? { runs: [run], hops: 0, traceparent } : undefined;
}
