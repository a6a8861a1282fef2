import { isPostponed, isSluiceError, SluiceError, toErrorRecord } from "../model/errors.ts";
import { redactError, type Redact } from "../model/mask.ts";
import type { ProcessStatus } from "../model/status.ts";
import type { Random } from "../model/uid.ts";
import type { Outcome } from "../journal/work.ts";
import type { Attempt } from "./attempt.ts";
import { nextDelay, postponement } from "./retry-policy.ts";

/** How the function of a process ended. */
export type Ending =
  | { readonly type: "resolved"; readonly status: ProcessStatus | undefined }
  | { readonly type: "rejected"; readonly error: unknown }
  /** It ignored its signal past the grace time. */
  | { readonly type: "abandoned" };

const SUCCEEDED: Outcome = { type: "succeeded" };
const RELEASED: Outcome = { type: "released" };

/** What becomes of a run whose attempt ended so. Pure but for the jitter. */
export function outcomeOf(attempt: Attempt, ending: Ending, random: Random): Outcome {
  if (ending.type === "resolved" && ending.status?.status !== "fail") return SUCCEEDED;
  if (attempt.abortKind === "shutdown") return RELEASED;
  if (attempt.abortKind === "cancelled") {
    return { type: "cancelled", error: toErrorRecord(attempt.abortReason) };
  }
  const error = errorOf(attempt, ending);
  const abandoned = ending.type === "abandoned";
  const record = toErrorRecord(error);
  const putOff = postponement(error, attempt.claim.postponed);
  if (putOff !== undefined) {
    const dueAt = attempt.clock.now() + putOff;
    return { type: "retry", dueAt, delay: putOff, error: record, postponed: true };
  }
  const { retry, blockOnDead } = attempt.occupant.settings;
  const delay = nextDelay(retry, attempt.attempt, error, random);
  if (delay === undefined) return { type: "dead", error: record, block: blockOnDead, abandoned };
  const dueAt = attempt.clock.now() + delay;
  return { type: "retry", dueAt, delay, error: record, abandoned };
}

/** The same outcome without secrets in what its error says. */
export function redactOutcome(outcome: Outcome, redact: Redact): Outcome {
  return "error" in outcome ? { ...outcome, error: redactError(outcome.error, redact) } : outcome;
}

function errorOf(attempt: Attempt, ending: Ending): unknown {
  if (ending.type === "abandoned") {
    return new SluiceError(
      "ABANDONED",
      `${attempt.abortReason?.message}; it did not end within its grace time and was abandoned`,
    );
  }
  if (ending.type === "resolved") {
    const logs: unknown = ending.status?.logs;
    const said = Array.isArray(logs) && logs.length > 0 ? String(logs.at(-1)) : "it gave no reason";
    return new SluiceError("RUN_FAILED", `the process answered the status "fail": ${said}`);
  }
  // What a process throws when its signal aborts is mostly the abort itself, or says less than the reason.
  const saysMore = isSluiceError(ending.error) || isPostponed(ending.error);
  return attempt.abortKind === "timeout" && !saysMore ? attempt.abortReason : ending.error;
}
