import type { Clock } from "./clock.ts";
import type { Duration } from "./duration.ts";
import type { EngineView } from "./engine-view.ts";
import type { Event, EventInit } from "./event.ts";
import type { Logger } from "./logger.ts";
import type { Operation } from "./operation.ts";
import type { LogStream } from "./run.ts";
import type { ProcessStatus } from "./status.ts";
import type {
  AuditReport,
  AuditRequest,
  BackfillReport,
  BackfillRequest,
  KnownRecord,
  ReadOutcome,
  SourceRead,
} from "./survey.ts";
import type { Random } from "./uid.ts";

/**
 * The id of every journal that dies with the process. What such a journal owned outside is nobody's once the process
 * is gone.
 */
export const EPHEMERAL_JOURNAL = "memory";

/** What `emit` answers, once the event is on disk. */
export interface Receipt {
  readonly uid: string;
  /** Whether the same delivery was taken before; `uid` is then that of the first. */
  readonly duplicate: boolean;
  /** Set if the input's `operations` do not let it through: nothing was kept. */
  readonly filtered?: true;
}

/** A value kept in the journal under a component's name, with the version that guards it. */
export interface StateEntry {
  readonly value: unknown;
  /** Counts from 1; 0 stands for "not there". */
  readonly version: number;
}

/** Where a component keeps its cursors. Values must survive JSON. */
export interface ComponentState {
  get(key: string): Promise<StateEntry | undefined>;
  /**
   * Writes durably.
   * @throws SluiceError STATE_CONFLICT if `ifVersion` is given and is not the version that is there.
   */
  put(key: string, value: unknown, ifVersion?: number): Promise<void>;
}

export interface EmitOptions {
  /**
   * The delivery's identity: a second emission of the same input with the same key is a duplicate.
   * An event that brings its own `uid` needs none.
   */
  readonly dedupe?: string;
  /** State to be written in the same commit as the event: a cursor that can never run ahead of it. */
  readonly state?: Readonly<Record<string, unknown>>;
}

/** How far an input is behind its source. What it cannot tell it leaves out. */
export interface InputLag {
  /** Changes, messages, files… that wait at the source. */
  readonly events?: number;
  /** What waits there takes so many bytes. */
  readonly bytes?: number;
  /** When the oldest that waits was made, in milliseconds since 1970; none if nothing waits. */
  readonly oldest?: number;
  /** Bytes that the source must keep on its account, beyond what waits: a server's write-ahead log, for a slot. */
  readonly retained?: number;
  /** More of it, for people: by partition, by slot. */
  readonly details?: Readonly<Record<string, string | number>>;
}

/** What an input says of itself between its start and its end. What is left out stays as it was. */
export interface InputReport {
  readonly lag?: InputLag;
  /** What it met and copes with by itself, such as a lost connection: shown as its last error. */
  readonly error?: unknown;
  /** Another reader has what it reads; it waits for its turn. `ready` ends that. */
  readonly standby?: boolean;
}

/** What an input is given. */
export interface InputContext<Data = unknown> {
  readonly name: string;
  /** The pipeline's name, and the journal's id: both tie what an input owns outside to who owns it. */
  readonly pipeline: string;
  readonly journalId: string;
  /** Aborts when the input must end: it is stopped, paused, removed or restarted. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly state: ComponentState;
  /**
   * Resolves when the event is durable: that is the back-pressure, and the moment to acknowledge upstream.
   * Rejects if the journal cannot take it (SluiceError JOURNAL_FULL, JOURNAL_IO, JOURNAL_BACKLOG) or if the
   * event is none (INVALID_EVENT); nothing was kept then.
   */
  emit(this: void, event: EventInit<Data>, options?: EmitOptions): Promise<Receipt>;
  /** As `emit`, for many in one commit: all are durable when it resolves, or none is. */
  emitAll(
    this: void,
    events: readonly EventInit<Data>[],
    options?: Pick<EmitOptions, "state">,
  ): Promise<Receipt[]>;
  /** Says that it listens now. Only needed by inputs whose `announcesReady` is set. */
  ready(this: void): void;
  /** Says how it is: shown by `sluice status`, the API and the page, and measured. Costs nothing; may be called often. */
  report(this: void, report: InputReport): void;
  /** The pipeline around it, for an input whose events are the engine's own. The engine always gives it. */
  readonly engine?: EngineView;
}

/** What a survey of an input's source (`backfill`, `audit`) is given. */
export interface SurveyContext<Data = unknown> extends Pick<
  InputContext<Data>,
  "name" | "pipeline" | "journalId" | "signal" | "log" | "clock" | "random" | "state"
> {
  /**
   * Emits what `read` finds in the source, and its state in the same commit, but leaves out each record of which the
   * input itself has told since `read` was called: what it told is at least as new. So a record that was read never
   * comes after a newer change of it. Everything that `read` answers must have been read after it was called.
   */
  emitRead(this: void, read: () => Promise<SourceRead<Data>>): Promise<ReadOutcome>;
  /**
   * The newest operation that the journal has of each of these records of the input; of others it knows nothing.
   *
   * @param tell told, one by one, what these newest events carry; not of what a delete of all records deleted
   */
  seen(
    this: void,
    location: string,
    ids: readonly string[],
    tell?: (newest: KnownRecord) => void,
  ): Promise<ReadonlyMap<string, Operation>>;
  /** Says how far it is. @param total an estimate; `null` if there is none */
  progress(this: void, location: string, done: number, total: number | null): void;
}

/** A long-running listener. */
export interface Input<Data = unknown> {
  readonly name: string;
  /** The kind, for people. Defaults to `custom`. */
  readonly type?: string;
  /** What it reads, as `parseDataset` takes it: for the DAG, and for cycles that close through a store. */
  readonly reads?: readonly string[];
  /** If set, the input is `starting` until it calls `context.ready()`; otherwise it runs at once. */
  readonly announcesReady?: boolean;
  readonly settings?: InputSettings;
  /**
   * Listens until `context.signal` aborts. Returning before that means that the input is finished;
   * throwing means that it failed, and it is started anew after a back-off.
   */
  handle(context: InputContext<Data>): Promise<void>;
  /** Answers HTTP requests for it, if it takes any; mounted by our server or the user's own. */
  fetch?(request: Request): Promise<Response>;
  /** Where `fetch` wants to be mounted. */
  readonly path?: string;
  /** Emits what is in the source already; one at a time. */
  backfill?(context: SurveyContext<Data>, request: BackfillRequest): Promise<BackfillReport>;
  /** Compares the source with what the journal has seen. */
  audit?(context: SurveyContext<Data>, request: AuditRequest): Promise<AuditReport>;
}

/** What is common to inputs of every kind. In config files the keys are snake_case. */
export interface InputSettings {
  /** Only these operations are let through; others are not journalled. Defaults to all. */
  readonly operations?: readonly Operation[];
  /** Longest silence that is normal; beyond it the input is flagged. Defaults to none. */
  readonly expectEvery?: Duration;
  /** Defaults to `true`. */
  readonly enabled?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** One run, as its process sees it. */
export interface RunInfo {
  /** `{event uid}/{process}`: the idempotency key, the same on every attempt. */
  readonly id: string;
  readonly process: string;
  readonly replayOf?: string;
}

/** What an attempt is given. */
export interface RunContext<Emits = unknown> {
  readonly run: RunInfo;
  /** Counts from 1. */
  readonly attempt: number;
  /** A safe integer that grows with every attempt of any run of this journal: refuse writes of a lower one. */
  readonly fence: number;
  /** Aborts on time-out, cancellation and shutdown; `signal.reason` is a SluiceError that says which. */
  readonly signal: AbortSignal;
  /** When the time-out strikes, in milliseconds since 1970; `undefined` without one. */
  readonly deadline: number | undefined;
  /** W3C trace context of the event's cause, or a new one: to be passed on. */
  readonly traceparent: string;
  readonly clock: Clock;
  /**
   * The journal's id: it marks what an attempt starts outside, so that a later owner of the journal can end what
   * an earlier one left behind.
   */
  readonly journalId?: string;
  /**
   * How long the journal keeps a run that is dead, and so may be replayed under its id: milliseconds. What remembers
   * runs elsewhere remembers them for longer. `undefined` if the journal does not say.
   */
  readonly replayableFor?: number | undefined;
  /** Keeps a line in the run's log. */
  log(this: void, text: string, stream?: LogStream): void;
  /** Says how far it is: shown live, and kept in the run's log. */
  progress(this: void, done: number, total?: number, text?: string): void;
  /**
   * Emits an event along the links that leave this process. It is held and committed with the run's
   * success, all or nothing; with `now` it is committed at once, deduplicated per run and `key`.
   */
  emit(this: void, event: EventInit<Emits>, options?: { readonly now?: false }): void;
  emit(
    this: void,
    event: EventInit<Emits>,
    options: { readonly now: true; readonly key: string },
  ): Promise<Receipt>;
}

/** A job that runs once for an event. */
export interface Process<Data = unknown, Emits = unknown> {
  readonly name: string;
  /** The kind, for people. Defaults to `custom`. */
  readonly type?: string;
  /** What it reads and writes, as `parseDataset` takes them. */
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
  readonly settings?: ProcessSettings;
  /**
   * Does the work. Resolves = success (or the status it returns); rejects = this attempt failed.
   * It may run more than once for an event: make it idempotent by `context.run.id`.
   */
  run(event: Event<Data>, context: RunContext<Emits>): Promise<ProcessStatus | void> | ProcessStatus | void;
  /** Called once before the first run; if it throws, it is tried again after a back-off. */
  open?(owner: ProcessOwner): Promise<void>;
  /** Called once after the last run. */
  close?(): Promise<void>;
}

/** Whose runs a process does from now on. What an earlier epoch of the same journal left outside may be ended. */
export interface ProcessOwner {
  readonly pipeline: string;
  readonly journalId: string;
  readonly epoch: number;
  readonly log: Logger;
}

/** How failed attempts are tried again: exponential back-off with full jitter. */
export interface RetrySettings {
  /** Attempts in all, the first too. Defaults to 5. */
  readonly attempts?: number;
  /** Upper end of the first delay. Defaults to 1s. */
  readonly initial?: Duration;
  /** Longest delay. Defaults to 5m. */
  readonly max?: Duration;
  /** Growth of the upper end. Defaults to 2. */
  readonly factor?: number;
}

/** What is common to processes of every kind. In config files the keys are snake_case. */
export interface ProcessSettings {
  /** Runs at a time. Defaults to 8. */
  readonly concurrency?: number;
  /** Longest time of one attempt. Defaults to none. */
  readonly timeout?: Duration;
  /** How long an attempt may go on after its signal aborted, before it is abandoned. Defaults to the pipeline's. */
  readonly grace?: Duration;
  readonly retry?: RetrySettings;
  /** `"key"`: at most one run per key, in the order of the events. Defaults to none. */
  readonly order?: "none" | "key";
  /** Under `order = "key"`, whether a dead run lets the next of its key go on. Defaults to `continue`. */
  readonly onDead?: "continue" | "block";
  /** Most runs that start in a time, such as `"100/s"` or `"10/m"`. Defaults to none. */
  readonly rate?: string;
  /** Defaults to `true`. */
  readonly enabled?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a link lets through. */
export interface LinkOptions {
  /** Defaults to all. */
  readonly operations?: readonly (Operation | (string & {}))[];
  /** Globs: `*` within a segment of `/` or `.`, `**` across. Defaults to all. */
  readonly locations?: readonly string[];
  /** A CEL expression over the event's fields, such as `double(data.total) > 1000.0`. */
  readonly when?: string;
  /** Says that the cycle which this link closes is meant. */
  readonly loop?: boolean;
}
