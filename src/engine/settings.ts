import type { InputSettings, ProcessSettings } from "../model/component.ts";
import { parseDuration, type Duration } from "../model/duration.ts";
import { SluiceError } from "../model/errors.ts";
import { INPUT_KEYS, PROCESS_KEYS } from "../model/kind.ts";
import { parseOperation, type Operation } from "../model/operation.ts";
import { parseRate, type Rate } from "../model/rate.ts";
import { didYouMean } from "../model/suggest.ts";
import { resolveRetryPolicy, type RetryPolicy } from "./retry-policy.ts";

/** The settings of a process, checked and with their defaults. Durations in milliseconds. */
export interface ResolvedProcessSettings {
  readonly concurrency: number;
  readonly timeout: number | undefined;
  /** `undefined`: the pipeline's. */
  readonly grace: number | undefined;
  readonly retry: RetryPolicy;
  readonly ordered: boolean;
  readonly blockOnDead: boolean;
  readonly rate: Rate | undefined;
  readonly enabled: boolean;
}

export interface ResolvedInputSettings {
  readonly operations: ReadonlySet<Operation> | undefined;
  readonly expectEvery: number | undefined;
  readonly enabled: boolean;
}

const LARGEST_CONCURRENCY = 10_000;

/** @throws SluiceError INVALID_OPTIONS or INVALID_DURATION, naming the process */
export function resolveProcessSettings(
  name: string,
  settings: ProcessSettings,
): Readonly<ResolvedProcessSettings> {
  return naming(`process "${name}"`, settings, PROCESS_KEYS, () => ({
    concurrency: checkConcurrency(settings.concurrency ?? 8),
    timeout: positiveDuration(settings.timeout, "timeout"),
    grace: optionalDuration(settings.grace),
    retry: resolveRetryPolicy(settings.retry),
    ordered: oneOf(settings.order ?? "none", ["none", "key"], "order") === "key",
    blockOnDead: oneOf(settings.onDead ?? "continue", ["continue", "block"], "onDead") === "block",
    rate: settings.rate === undefined ? undefined : parseRate(settings.rate),
    enabled: settings.enabled ?? true,
  }));
}

/** @throws SluiceError INVALID_OPERATION or INVALID_DURATION, naming the input */
export function resolveInputSettings(name: string, settings: InputSettings): Readonly<ResolvedInputSettings> {
  return naming(`input "${name}"`, settings, INPUT_KEYS, () => ({
    operations: settings.operations && new Set(settings.operations.map(parseOperation)),
    expectEvery: positiveDuration(settings.expectEvery, "expectEvery"),
    enabled: settings.enabled ?? true,
  }));
}

/** A misspelt setting would be a default that nobody meant; only the compiler of TypeScript tells otherwise. */
function refuseUnknown(settings: object, known: readonly string[]): void {
  for (const key of Object.keys(settings)) {
    if (known.includes(key)) continue;
    throw new SluiceError(
      "INVALID_OPTIONS",
      `there is no setting ${JSON.stringify(key)}${didYouMean(key, known)}`,
    );
  }
}

/** @throws SluiceError INVALID_OPTIONS */
export function checkConcurrency(value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= LARGEST_CONCURRENCY) return value;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `concurrency must be a whole number from 1 to 10000, not ${value}`,
  );
}

function optionalDuration(value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : parseDuration(value);
}

/** Nothing could ever end, or be heard, within no time: whoever writes 0 means something else. */
function positiveDuration(value: Duration | undefined, key: string): number | undefined {
  const duration = optionalDuration(value);
  if (duration !== 0) return duration;
  throw new SluiceError("INVALID_DURATION", `${key} must be longer than 0; leave it out for none`);
}

function oneOf(value: string, allowed: readonly string[], key: string): string {
  if (allowed.includes(value)) return value;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${key} must be ${allowed.join(" or ")}, not ${JSON.stringify(value)}`,
  );
}

function naming<Settings extends object>(
  what: string,
  given: object,
  known: readonly string[],
  resolve: () => Settings,
): Readonly<Settings> {
  try {
    refuseUnknown(given, known);
    return Object.freeze(resolve());
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw new SluiceError(error.code, `${what}: ${error.message}`, { cause: error, details: error.details });
  }
}
