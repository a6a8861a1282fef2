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
import type { DeadLetterGroup, EventRow, Journey, Page, RunDetail } from "../journal/history.ts";
import type { LinkOptions } from "../model/component.ts";
import type { AuditReport, AuditRequest, BackfillReport, BackfillRequest } from "../model/survey.ts";
import type { EventInit } from "../model/event.ts";
import type { Operation } from "../model/operation.ts";
import type { AppliedPlan, PipelinePlan, VersionDetail, VersionRow } from "../model/pipeline-plan.ts";
import type { AttemptRow, LogRow, RunRow, RunState } from "../model/run.ts";
import type { Graph } from "../topology/types.ts";
import { createCaller, type Fetch, type Headers, type Watcher } from "./caller.ts";

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
  /** The version that runs; `null` for a pipeline that was made in code, or is stopped. */
  readonly version: number | null;
  /** Whether its config file says what it is, or what was applied last. */
  readonly managedBy: "file" | "api" | null;
  /** Whether this client may change it. */
  readonly mayChange: boolean;
  readonly openRuns: number;
  /** The configuration, secrets masked; `null` for a pipeline that was made in code. */
  readonly config: unknown;
  /** What whoever asks may do: a viewer reads, an operator also steers, an admin also changes the pipeline. */
  readonly role: "viewer" | "operator" | "admin";
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
  /** ISO 8601 with a zone, of the event. */
  readonly since?: string;
  readonly until?: string;
}

export interface RunsOf extends PageOf {
  readonly state?: RunState;
  readonly process?: string;
  /** An event's uid. */
  readonly event?: string;
  readonly input?: string;
  /** ISO 8601 with a zone, of the event. */
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
  readonly fingerprint?: string;
  /** In the order in which their events came, up to those that were there when the first page was read. */
  readonly oldestFirst?: boolean;
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
  run(id: string): Promise<RunDetail>;
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
  /** Oldest first. At a rate it tells of its progress, and the signal ends it; what was replayed is kept. */
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
  /** What an apply would do. This and all that changes the pipeline needs an admin. */
  plan(proposal: ProposedPipeline): Promise<PipelinePlan>;
  /** Makes the pipeline another one, all at once, or leaves it wholly as it is. */
  apply(proposal: ProposedPipeline, options?: Applying): Promise<AppliedPlan>;
  /** Newest first. */
  versions(): Promise<Page<VersionRow>>;
  version(version: number): Promise<VersionDetail>;
  /** Adds a component, or puts it in the place of the one of its name. The fields are those of a config file. */
  put(kind: "input" | "process", name: string, fields: object, options?: IfVersion): Promise<AppliedPlan>;
  /** Removes a component, with its links. */
  remove(kind: "input" | "process", name: string, options?: Applying): Promise<AppliedPlan>;
  addLink(
    link: { readonly from: string; readonly to: string } & LinkOptions,
    options?: IfVersion,
  ): Promise<AppliedPlan>;
  removeLink(from: string, to: string, options?: IfVersion): Promise<AppliedPlan>;
  /** Needs an admin. */
  forget(key: string): Promise<ForgetReport>;
  /** What happens, from the message after `lastId` on; ends when the connection or the signal does. */
  stream(options?: {
    readonly lastId?: string;
    readonly signal?: AbortSignal;
  }): AsyncGenerator<StreamMessage, void, undefined>;
}

/** A text, a table of what it would say, or a version that the journal keeps (`null`: the one before this). */
export type ProposedPipeline =
  | { readonly source: string; readonly format?: "toml" | "yaml" | "json" }
  | { readonly config: object }
  | { readonly rollback: number | null };

export interface IfVersion {
  /** The version that must be running, or else it is refused by VERSION_CONFLICT. Defaults to whichever runs. */
  readonly ifVersion?: number;
}

export interface Applying extends IfVersion {
  /** What becomes of open runs of processes that go. */
  readonly open?: "drain" | "cancel";
}

export interface Emitted {
  readonly uid?: string;
  readonly duplicate?: true;
  readonly filtered?: true;
}

/** Talks to the API of a running pipeline. */
export function createClient(options: ClientOptions): PipelineClient {
  const { url, token, fetch = (request) => globalThis.fetch(request) } = options;
  const { get, post, put, remove, events, work } = createCaller({ url, token, fetch });
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
    plan: (proposal) => post("pipeline/plan", proposal),
    apply: (proposal, { open, ...options } = {}) =>
      put("pipeline", { ...proposal, ...(open && { open }) }, ifMatch(options)),
    versions: () => get("pipeline/versions"),
    version: (version) => get(`pipeline/versions/${version}`),
    put: (kind, name, fields, options) =>
      put(`${listOf[kind]}/${segment(name)}`, { ...fields, name }, ifMatch(options)),
    remove: (kind, name, { open, ...options } = {}) =>
      remove(`${listOf[kind]}/${segment(name)}`, { open }, ifMatch(options)),
    addLink: (link, options) => post("links", link, ifMatch(options)),
    removeLink: (from, to, options) => remove("links", { from, to }, ifMatch(options)),
    forget: (key) => post("forget", { key }),
    async *stream({ lastId, signal } = {}) {
      for await (const { id, event, data } of events("stream", lastId, signal)) {
        yield { id, event, data: JSON.parse(data) } as StreamMessage;
      }
    },
  };
}

function ifMatch({ ifVersion }: IfVersion = {}): Headers {
  return ifVersion === undefined ? {} : { "if-match": `"${ifVersion}"` };
}
