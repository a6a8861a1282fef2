import { isoTime, type EventInit } from "../../model/event.ts";
import type { ErrorRecord } from "../../model/errors.ts";
import type { ViewedDeaths, ViewedInput, ViewedProcess } from "../../model/engine-view.ts";

export const ENGINE_EVENTS = [
  "dead",
  "input_failed",
  "input_silent",
  "input_recovered",
  "backlog",
  "backlog_cleared",
  "process_paused",
  "process_resumed",
  "journal_failed",
  "journal_recovered",
] as const;
/** What can be told of the engine. */
export type EngineEvent = (typeof ENGINE_EVENTS)[number];

/** The payload of an event. */
export interface EngineEventData {
  readonly kind: EngineEvent;
  readonly pipeline: string;
  /** One sentence for people. */
  readonly text: string;
  /** The input or process that it is about; `null` for the journal. */
  readonly name: string | null;
  readonly error: ErrorRecord | null;
  /** Runs that died, or that wait. */
  readonly count?: number;
  /** The group of dead letters, for a replay. */
  readonly fingerprint?: string;
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  /** Ids of runs that died. */
  readonly runs?: readonly string[];
}

/** What has been told, as it is kept in the journal. */
export interface Told {
  /** What died before, when it was first looked, is no news. ISO 8601. */
  readonly since: string;
  /** By fingerprint: how many runs of the group were dead, and when the last of them died. */
  readonly deaths: Readonly<Record<string, readonly [count: number, last: string]>>;
  readonly failed: readonly string[];
  /** Since when. */
  readonly silent: Readonly<Record<string, string>>;
  readonly backlog: readonly string[];
  readonly paused: readonly string[];
}

export function nothingTold(since: number): Told {
  return { since: isoTime(since), deaths: {}, failed: [], silent: {}, backlog: [], paused: [] };
}

/** What there is to see. */
export interface Seen {
  readonly pipeline: string;
  readonly now: number;
  readonly inputs: readonly ViewedInput[];
  readonly processes: readonly ViewedProcess[];
  /** `undefined` if nobody looked: nothing has changed. */
  readonly deaths: readonly ViewedDeaths[] | undefined;
  /** Why the journal could not be written since the last look; `undefined` if it always could. */
  readonly trouble: ErrorRecord | undefined;
}

export interface Look {
  readonly told: Told;
  readonly events: readonly EventInit<EngineEventData>[];
}

/** Groups of dead runs that are told of one by one at a time; the others together. */
const GROUPS = 20;
/** A backlog is over once it has fallen so far below its mark: one that lingers there is told of once. */
const CLEARED = 0.9;
const MESSAGE = 500;
const WELL: ReadonlySet<string> = new Set(["running", "standby", "finished"]);

/** Compares what is there with what has been told. */
export function look(told: Told, seen: Seen, backlog: number | undefined): Look {
  const events: EventInit<EngineEventData>[] = [];
  const tell = (
    kind: EngineEvent,
    name: string | null,
    text: string,
    more: Partial<EngineEventData> = {},
  ): void => {
    const data = {
      kind,
      pipeline: seen.pipeline,
      text: `${seen.pipeline}: ${text}`,
      name,
      error: null,
      ...more,
    };
    events.push({
      location: kind,
      operation: isEnd(kind) ? "delete" : "create",
      id: more.fingerprint ?? name ?? "journal",
      data,
    });
  };
  const next: Told = {
    since: told.since,
    deaths: seen.deaths === undefined ? told.deaths : lookAtDeaths(told, seen.deaths, tell),
    ...lookAtInputs(told, seen, tell),
    ...lookAtProcesses(told, seen, backlog, tell),
  };
  if (seen.trouble !== undefined) {
    const { message } = seen.trouble;
    tell("journal_failed", null, `the journal could not be written: ${message}`, { error: seen.trouble });
    tell("journal_recovered", null, "the journal writes again");
  }
  return { told: next, events };
}

type Tell = (kind: EngineEvent, name: string | null, text: string, more?: Partial<EngineEventData>) => void;

function isEnd(kind: EngineEvent): boolean {
  return kind.endsWith("_recovered") || kind.endsWith("_cleared") || kind.endsWith("_resumed");
}

function lookAtDeaths({ deaths, since }: Told, groups: readonly ViewedDeaths[], tell: Tell): Told["deaths"] {
  const fresh = groups.flatMap((group) => {
    const [count, last] = deaths[group.fingerprint] ?? [0, ""];
    const isNew = group.lastSeen > last || group.count > count;
    // Without a word told of it, a group is news if it has grown since we look.
    if (!isNew || group.lastSeen < since) return [];
    return [{ ...group, died: Math.max(1, group.count - count) }];
  });
  for (const { process, error, died, fingerprint, firstSeen, lastSeen, samples } of fresh.slice(0, GROUPS)) {
    const cut = { ...error, message: error.message.slice(0, MESSAGE) };
    tell("dead", process, `${runs(died)} of "${process}" died: ${cut.message}`, {
      error: cut,
      count: died,
      fingerprint,
      firstSeen,
      lastSeen,
      runs: samples,
    });
  }
  const others = fresh.slice(GROUPS);
  if (others.length > 0) {
    const count = others.reduce((sum, { died }) => sum + died, 0);
    const names = [...new Set(others.map(({ process }) => process))];
    const name = names.length === 1 ? (names[0] as string) : null;
    tell("dead", name, `${runs(count)} more died, of ${others.length} other errors`, { count });
  }
  return Object.fromEntries(
    groups.map(({ fingerprint, count, lastSeen }) => [fingerprint, [count, lastSeen]]),
  );
}

function runs(count: number): string {
  return count === 1 ? "a run" : `${count} runs`;
}

function lookAtInputs(told: Told, { inputs, now }: Seen, tell: Tell): Pick<Told, "failed" | "silent"> {
  const failed: string[] = [];
  const silent: Record<string, string> = {};
  for (const { name, state, silent: isSilent, lastEventAt, lastError } of inputs) {
    const wasFailed = told.failed.includes(name);
    const silentSince = told.silent[name];
    if (state === "failed") {
      if (!wasFailed)
        tell("input_failed", name, `input "${name}" has failed: ${lastError?.message}`, { error: lastError });
      failed.push(name);
      continue;
    }
    // A restart begins anew: what has not listened, or heard anything, since then is not well yet.
    const isStillFailed = wasFailed && !WELL.has(state);
    const hasHeard = silentSince !== undefined && lastEventAt !== null && lastEventAt > silentSince;
    if (isStillFailed) failed.push(name);
    if (isSilent && silentSince === undefined) {
      tell("input_silent", name, `input "${name}" has been silent for longer than is normal`);
    }
    if (isSilent || (silentSince !== undefined && !hasHeard)) silent[name] = silentSince ?? isoTime(now);
    const isWell = !isStillFailed && silent[name] === undefined;
    if (isWell && (wasFailed || silentSince !== undefined)) {
      tell(
        "input_recovered",
        name,
        wasFailed ? `input "${name}" listens again` : `input "${name}" is heard again`,
      );
    }
  }
  return { failed, silent };
}

function lookAtProcesses(
  told: Told,
  { processes }: Seen,
  mark: number | undefined,
  tell: Tell,
): Pick<Told, "backlog" | "paused"> {
  const backlog: string[] = [];
  const paused: string[] = [];
  for (const { name, state, lastError, runs: counts } of processes) {
    const open = (counts.queued ?? 0) + (counts.waiting ?? 0) + (counts.retrying ?? 0);
    const isTold = told.backlog.includes(name);
    if (mark !== undefined && open > (isTold ? mark * CLEARED : mark)) {
      if (!isTold)
        tell("backlog", name, `${open} runs of "${name}" wait, more than ${mark}`, { count: open });
      backlog.push(name);
    } else if (isTold) {
      tell("backlog_cleared", name, `${runs(open)} of "${name}" wait, no longer more than its mark`, {
        count: open,
      });
    }
    const wasPaused = told.paused.includes(name);
    if (state === "paused") {
      if (!wasPaused) tell("process_paused", name, `process "${name}" is paused`, { error: lastError });
      paused.push(name);
    } else if (wasPaused) tell("process_resumed", name, `process "${name}" runs again`);
  }
  return { backlog, paused };
}
