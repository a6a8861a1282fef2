import type { Event } from "../model/event.ts";
import type { Operation } from "../model/operation.ts";
import type { ErrorRecord } from "../model/errors.ts";
import type { AttemptRow, LogRow, RunRow, RunState } from "../model/run.ts";

/**
 * What people read. May lag behind by a moment, may be another store, and never holds up a writer.
 * Lists are newest first (logs: oldest first) and paged by an opaque cursor.
 *
 * @throws SluiceError INVALID_QUERY for a cursor that is none, JOURNAL_DAMAGED rather than a shorter answer.
 */
export interface History {
  events(query: EventQuery): Promise<Page<EventRow>>;
  event(uid: string): Promise<EventRow | undefined>;
  /** An event, its runs, and the events that those runs caused: the first thousand, or so many as one answer holds. */
  journey(uid: string): Promise<Journey | undefined>;
  runs(query: RunQuery): Promise<Page<RunRow>>;
  run(id: string): Promise<RunDetail | undefined>;
  /** Of one run, oldest first. */
  attempts(run: string): Promise<readonly AttemptRow[]>;
  logs(run: string, query?: PageQuery): Promise<Page<LogRow>>;
  /** Dead runs grouped by process and error, as `fingerprint` tells errors apart; largest group first. */
  deadLetters(): Promise<readonly DeadLetterGroup[]>;
  counters(): Promise<Counters>;
  /**
   * Which records have been seen of an input: their events, newest first. A page ends after so many events looked
   * at, or so many bytes of data, however few of them match, since no index knows records: a page may be empty, and
   * still have a next one.
   */
  seen(query: SeenQuery): Promise<Page<SeenRow>>;
}

/** An event as people read it; `data` and `headers` are absent if there are none, `key` if it is the default. */
export type EventRow = Omit<Event, "data" | "headers" | "key"> &
  Partial<Pick<Event, "data" | "headers" | "key">>;

export interface PageQuery {
  /** 1–1000. Defaults to 50. */
  readonly limit?: number;
  readonly cursor?: string;
}

/**
 * A page ends after so many bytes of payloads, and with more than a trigger after so many events looked at: it may be
 * short, and still have a next one.
 */
export interface EventQuery extends PageQuery {
  readonly trigger?: string;
  readonly location?: string;
  /** The ordering key, which is `location/id` where none was said. */
  readonly key?: string;
  readonly operation?: Operation;
  /** Only events whose time is at or after this one, and before that one; in milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Only events without a run of this process. */
  readonly without?: string;
  readonly oldestFirst?: boolean;
}

export interface SeenQuery extends Pick<PageQuery, "cursor"> {
  readonly trigger: string;
  readonly location: string;
  readonly ids: readonly string[];
  /** Whether rows come with what their events carry; of each record then only the newest in a page. Defaults to no. */
  readonly withData?: boolean;
}

export interface SeenRow {
  readonly id: string;
  readonly operation: Operation;
  /** Only if it was asked for: what the event carries, as JSON text; `null` for nothing, or if it was forgotten. */
  readonly data?: string | null;
  /** Only with `data`: whether the journal may have pruned a newer event of the record by now. */
  readonly mayBeStale?: boolean;
}

export interface RunQuery extends PageQuery {
  readonly state?: RunState;
  readonly process?: string;
  /** An event's uid. */
  readonly event?: string;
  /** Only of events of this trigger. */
  readonly input?: string;
  /** Only of events whose time is at or after this one, and before that one; in milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Stands in the run's id or its error, in any case. */
  readonly text?: string;
  /** Of a group of dead letters. */
  readonly fingerprint?: string;
  /** In the order in which their events came; ends with the newest event that was there when the first page was read. */
  readonly oldestFirst?: boolean;
}

/** One run by itself. */
export interface RunDetail extends RunRow {
  /** The edited payload that it has in place of its event's; absent if it has none. */
  readonly data?: unknown;
}

export interface Page<Row> {
  readonly items: readonly Row[];
  readonly next: string | null;
}

export interface Journey {
  readonly event: EventRow;
  readonly runs: readonly RunRow[];
  readonly caused: readonly EventRow[];
}

export interface DeadLetterGroup {
  /** The same for errors whose messages differ only in numbers, ids and quoted values. */
  readonly fingerprint: string;
  readonly process: string;
  /** Of the newest run. */
  readonly error: ErrorRecord;
  readonly count: number;
  /** When the first and the last of them died: ISO 8601. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly newest: RunRow;
  /** Ids of a few, newest first. */
  readonly samples: readonly string[];
}

/** Kept, never counted. */
export interface Counters {
  /** Events ever accepted, per input or emitting process. */
  readonly events: Readonly<Record<string, number>>;
  /** Runs per process and state; those of pruned runs are no longer in it. */
  readonly runs: Readonly<Record<string, Readonly<Partial<Record<RunState, number>>>>>;
  /** For each process with a run that may start now, or runs: when the oldest of these was taken in. ISO 8601. */
  readonly oldest: Readonly<Record<string, string>>;
}
