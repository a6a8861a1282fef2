import type { RetrySettings } from "../model/component.ts";
import { parseDuration } from "../model/duration.ts";
import { isPermanentError, isPostponed, isRetryAfter, SluiceError } from "../model/errors.ts";
import type { Random } from "../model/uid.ts";

/** How failed attempts of one process are tried again. */
export interface RetryPolicy {
  readonly attempts: number;
  /** Milliseconds. */
  readonly initial: number;
  readonly max: number;
  readonly factor: number;
}

/** A process may ask for a later retry than its policy's longest, but not for one that nobody lives to see. */
const LONGEST_RETRY_AFTER = 86_400_000;
/** A run may be postponed often, but not for ever. */
const MOST_POSTPONEMENTS = 1_000;

/** @throws SluiceError INVALID_OPTIONS or INVALID_DURATION */
export function resolveRetryPolicy(settings: RetrySettings = {}): RetryPolicy {
  const attempts = settings.attempts ?? 5;
  const factor = settings.factor ?? 2;
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new SluiceError("INVALID_OPTIONS", `retry.attempts must be a whole number from 1, not ${attempts}`);
  }
  if (!Number.isFinite(factor) || factor < 1) {
    throw new SluiceError("INVALID_OPTIONS", `retry.factor must be a number from 1, not ${factor}`);
  }
  const initial = parseDuration(settings.initial ?? "1s");
  return { attempts, factor, initial, max: Math.max(initial, parseDuration(settings.max ?? "5m")) };
}

/**
 * How long to wait before the next attempt, in milliseconds; `undefined` if there is to be none.
 * Exponential back-off with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), unless the error says otherwise.
 *
 * @param attempt the attempt that failed, from 1
 */
export function nextDelay(
  policy: RetryPolicy,
  attempt: number,
  error: unknown,
  random: Random,
): number | undefined {
  if (isPermanentError(error) || attempt >= policy.attempts) return undefined;
  return askedDelay(error) ?? Math.floor(random() * backOff(policy, attempt));
}

/** How long an error asks to wait, in milliseconds, within bounds; `undefined` if it does not say. */
export function askedDelay(error: unknown): number | undefined {
  if (!isRetryAfter(error) || Number.isNaN(Number(error.delay))) return undefined;
  return Math.min(Math.max(0, Number(error.delay)), LONGEST_RETRY_AFTER);
}

/**
 * How long a run is put off without the cost of an attempt, in milliseconds; `undefined` if it costs one.
 *
 * @param postponed how often that happened to the run before
 */
export function postponement(error: unknown, postponed: number): number | undefined {
  const isWithin = isPostponed(error) && postponed < Math.min(Number(error.limit), MOST_POSTPONEMENTS);
  return isWithin ? askedDelay(error) : undefined;
}

/** The upper end of the delay after the n-th failure. */
export function backOff(policy: Pick<RetryPolicy, "initial" | "max" | "factor">, failures: number): number {
  const growth = Math.min(policy.factor ** (failures - 1), Number.MAX_VALUE);
  return Math.min(policy.max, policy.initial * growth);
}
