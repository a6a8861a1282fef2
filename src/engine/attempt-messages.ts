import { toErrorRecord } from "../model/errors.ts";
import type { AttemptOutcome } from "../model/run.ts";
import type { Outcome, Settle } from "../journal/work.ts";
import type { Attempt } from "./attempt.ts";
import { publishDead } from "./dead-runs.ts";
import { attemptEnded, attemptStarted, type AttemptMessage, type AttemptTrace } from "./diagnostics.ts";

/** Before its process is called: a tracer may give it its place. */
export function publishStarted(pipeline: string, attempt: Attempt): void {
  if (!attemptStarted.hasSubscribers) return;
  attemptStarted.publish({
    ...describe(pipeline, attempt),
    fence: attempt.fence,
    version: attempt.version,
    place: (trace: AttemptTrace) => attempt.trace(trace),
  });
}

/** Once its outcome is durable. */
export function publishEnded(
  pipeline: string,
  attempt: Attempt,
  { outcome, startedAt, finishedAt, emitted }: Settle,
  result: "settled" | "stale",
): void {
  if (emitted !== undefined && result === "settled") publishDead(pipeline, emitted);
  if (!attemptEnded.hasSubscribers) return;
  attemptEnded.publish({
    ...describe(pipeline, attempt),
    outcome: result === "stale" ? "cancelled" : nameOf(outcome),
    duration: finishedAt - startedAt,
    error: "error" in outcome ? toErrorRecord(outcome.error) : null,
    final: outcome.type !== "retry" && outcome.type !== "released",
  });
}

function describe(pipeline: string, attempt: Attempt): AttemptMessage {
  const { event, attempt: number } = attempt.claim;
  const { process, id: run } = attempt.run;
  return { pipeline, process, run, attempt: number, event };
}

function nameOf(outcome: Outcome): AttemptOutcome {
  if ("abandoned" in outcome && outcome.abandoned === true) return "abandoned";
  if (outcome.type === "retry") return outcome.postponed === true ? "postponed" : "failed";
  return outcome.type === "dead" ? "failed" : outcome.type;
}
