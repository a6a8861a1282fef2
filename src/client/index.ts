// What `sluice/client` exports: the API of a running pipeline, typed. Needs `fetch` and nothing of Node.
import type {
  EventReplayReport,
  EventReplayRequest,
  ForgetReport,
  ReplayFilter,
  ReplayOptions,
  RunOutcome,
  SurveyProgress,
} from "../engine/handles.ts";
import type { InputRow, OrchestratorState, ProcessRow } from "../engine/rows.ts";
import type { StreamEvent, StreamMessages } from "../http/stream/messages.ts";
import type { DeadLetterGroup, EventRow, Journey, Page } from "../journal/history.ts";
import type { AuditReport, AuditRequest, BackfillReport, BackfillRequest } from "../model/component.ts";
import type { EventInit } from "../model/event.ts";
import type { Operation } from "../model/operation.ts";
import type { AttemptRow, LogRow, RunRow, RunState } from "../model/run.ts";
import type { Graph } from "../topology/types.ts";
import { createCaller, type Fetch, type Watcher } from "./caller.ts";

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly token?: string;
  /** Defaults to the global one. */
  readonly fetch?: Fetch;
}

export interface PipelineRow {
  readonly name: string;
  readonly state: OrchestratorState;
  readonly journal: {
    readonly id: string | null;
    readonly epoch: number | null;
    readonly durable: boolean;
    readonly healthy: boolean;
  };
  readonly openRuns: number;
  /** The configuration, secrets masked; `null` for a pipeline that was made in code. */
  readonly config: unknown;
}

export interface PageOf {
  /** 1–1000. Defaults to 50. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly cursor?: string;
}

export interface EventsOf extends PageOf {
  readonly trigger?: string;
  readonly location?: string;
  readonly key?: string;
  readonly operation?: Operation;
  /** ISO 8601, of the event. */
  readonly since?: string;
  readonly until?: string;
}

export interface RunsOf extends PageOf {
  readonly state?: RunState;
  readonly process?: string;
  /** An event's uid. */
  readonly event?: string;
  readonly input?: string;
  /** ISO 8601, of the event. */
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
  readonly fingerprint?: string;
}

/** One message of the stream, told apart by its `event`. */
export type StreamMessage = {
  readonly [Name in StreamEvent]: {
    readonly id: string;
    readonly event: Name;
    readonly data: StreamMessages[Name];
  };
}[StreamEvent];

/** Each call rejects with a SluiceError that has the code which the API answered, or NETWORK. */
export interface PipelineClient {
  pipeline(): Promise<PipelineRow>;
  graph(): Promise<Graph>;
  inputs(): Promise<Page<InputRow>>;
  processes(): Promise<Page<ProcessRow>>;
  events(query?: EventsOf): Promise<Page<EventRow>>;
  /** An event, its runs, and the events that those caused. */
  event(uid: string): Promise<Journey>;
  runs(query?: RunsOf): Promise<Page<RunRow>>;
  run(id: string): Promise<RunRow>;
  attempts(run: string): Promise<Page<AttemptRow>>;
  logs(run: string, query?: PageOf): Promise<Page<LogRow>>;
  deadLetters(): Promise<Page<DeadLetterGroup>>;
  /** Resolves once the event is on disk. A second one with the same `dedupe` is a duplicate. */
  emit(input: string, event: EventInit, options?: { readonly dedupe?: string }): Promise<Emitted>;
  pause(kind: "input" | "process", name: string): Promise<InputRow | ProcessRow>;
  resume(kind: "input" | "process", name: string): Promise<InputRow | ProcessRow>;
  restart(input: string): Promise<InputRow>;
  replay(run: string, options?: { readonly data?: unknown }): Promise<RunOutcome>;
  cancel(run: string): Promise<RunOutcome>;
  /** At a rate it tells of its progress, and the signal ends it; what was replayed is kept. */
  replayAll(
    filter: ReplayFilter,
    options?: ReplayOptions & Watcher<SurveyProgress>,
  ): Promise<{ readonly matched: number; readonly replayed: number }>;
  /** Events of the past, to a process. To do it again goes on after what was cut off. */
  replayEvents(request: EventReplayRequest, watcher?: Watcher<SurveyProgress>): Promise<EventReplayReport>;
  backfill(
    input: string,
    request?: BackfillRequest,
    watcher?: Watcher<SurveyProgress>,
  ): Promise<BackfillReport>;
  audit(input: string, request?: AuditRequest, watcher?: Watcher<SurveyProgress>): Promise<AuditReport>;
  /** Needs an admin. */
  forget(key: string): Promise<ForgetReport>;
  /** What happens, from the message after `lastId` on; ends when the connection or the signal does. */
  stream(options?: {
    readonly lastId?: string;
    readonly signal?: AbortSignal;
  }): AsyncGenerator<StreamMessage, void, undefined>;
}

export interface Emitted {
  readonly uid?: string;
  readonly duplicate?: true;
  readonly filtered?: true;
}

/** Talks to the API of a running pipeline. */
export function createClient(options: ClientOptions): PipelineClient {
  const { url, token, fetch = (request) => globalThis.fetch(request) } = options;
  const { get, post, events, work } = createCaller({ url, token, fetch });
  const segment = encodeURIComponent;
  const listOf = { input: "inputs", process: "processes" } as const;
  return {
    pipeline: () => get("pipeline"),
    graph: () => get("graph"),
    inputs: () => get("inputs"),
    processes: () => get("processes"),
    events: (query) => get("events", { ...query }),
    event: (uid) => get(`events/${segment(uid)}`),
    runs: (query) => get("runs", { ...query }),
    run: (id) => get(`runs/${segment(id)}`),
    attempts: (run) => get(`runs/${segment(run)}/attempts`),
    logs: (run, query) => get(`runs/${segment(run)}/logs`, { ...query }),
    deadLetters: () => get("dead-letters"),
    emit: (input, event, { dedupe } = {}) =>
      post(
        `inputs/${segment(input)}/events`,
        event,
        dedupe === undefined ? {} : { "idempotency-key": dedupe },
      ),
    pause: (kind, name) => post(`${listOf[kind]}/${segment(name)}/pause`),
    resume: (kind, name) => post(`${listOf[kind]}/${segment(name)}/resume`),
    restart: (input) => post(`inputs/${segment(input)}/restart`),
    replay: (run, edited = {}) => post(`runs/${segment(run)}/replay`, edited),
    cancel: (run) => post(`runs/${segment(run)}/cancel`),
    replayAll: (filter, { dryRun, rate, ...watcher } = {}) =>
      rate === undefined
        ? post("runs/replay", { filter, dryRun })
        : work("runs/replay", { filter, dryRun, rate }, watcher),
    replayEvents: (request, watcher) => work("events/replay", request, watcher),
    backfill: (input, request = {}, watcher = {}) =>
      work(`inputs/${segment(input)}/backfill`, request, watcher),
    audit: (input, request = {}, watcher = {}) => work(`inputs/${segment(input)}/audit`, request, watcher),
    forget: (key) => post("forget", { key }),
    async *stream({ lastId, signal } = {}) {
      for await (const { id, event, data } of events("stream", lastId, signal)) {
        yield { id, event, data: JSON.parse(data) } as StreamMessage;
      }
    },
  };
}
