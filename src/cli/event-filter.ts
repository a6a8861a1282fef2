import type { Command } from "commander";
import { SluiceError } from "../model/errors.ts";

/** What events are chosen by, as it was typed. */
export interface EventFilterOptions {
  readonly input?: string;
  readonly location?: string;
  readonly key?: string;
  readonly operation?: string;
  readonly since?: string;
  readonly until?: string;
}

export const EVENT_FILTERS = ["input", "location", "key", "operation", "since", "until"] as const;

/** Adds what a command takes that chooses among the events of the past. */
export function withEventFilter(command: Command): Command {
  return command
    .option("--input <name>", "only of this input, or process that emitted")
    .option("--location <location>", "only of this table, topic, path…")
    .option("--key <key>", "only of this ordering key (default of an event: location/id)")
    .option("--operation <operation>", "only create, read, update, delete or unknown")
    .option("--since <time>", "only from this time of the event on, such as 2026-11-24 or 2026-11-24T10:30")
    .option("--until <time>", "only before this time of the event");
}

/** As the API takes it: times in UTC. @throws SluiceError INVALID_OPTIONS */
export function eventFilterOf(options: EventFilterOptions): EventFilterOptions {
  const { input, location, key, operation, since, until } = options;
  return {
    ...(input !== undefined && { input }),
    ...(location !== undefined && { location }),
    ...(key !== undefined && { key }),
    ...(operation !== undefined && { operation }),
    ...(since !== undefined && { since: toUtc("--since", since) }),
    ...(until !== undefined && { until: toUtc("--until", until) }),
  };
}

/** Without a zone it is the local time, a day its first moment. */
function toUtc(option: string, text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}(?:$|[T ])/.test(text)
    ? Date.parse(text.length === 10 ? `${text}T00:00` : text)
    : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${option} must be a time such as 2026-11-24 or 2026-11-24T10:30:00Z, not ${JSON.stringify(text)}`,
  );
}
