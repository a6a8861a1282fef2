// What `sluice/client` exports: the API of a running pipeline, typed. Needs `fetch` and nothing of Node.
import type { ForgetReport, ReplayFilter, RunOutcome } from "../engine/handles.ts";
import type { InputRow, OrchestratorState, ProcessRow } from "../engine/rows.ts";
import type { StreamEvent, StreamMessages } from "../http/stream/messages.ts";
import type { DeadLetterGroup, EventRow, Journey, Page } from "../journal/history.ts";
import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import type { AttemptRow, LogRow, RunRow, RunState } from "../model/run.ts";
import type { Graph } from "../topology/types.ts";
import { parseEvents } from "./server-events.ts";
import { errorIn, withQuery, type Query } from "./wire.ts";

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly token?: string;
  /** Defaults to the global one. */
  readonly fetch?: (request: Request) => Promise<Response>;
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
  events(query?: PageOf & { readonly trigger?: string }): Promise<Page<EventRow>>;
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
  replayAll(
    filter: ReplayFilter,
    options?: { readonly dryRun?: boolean },
  ): Promise<{ readonly matched: number; readonly replayed: number }>;
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

type Headers = Readonly<Record<string, string>>;

/** Talks to the API of a running pipeline. */
export function createClient(options: ClientOptions): PipelineClient {
  const { token, fetch = (request) => globalThis.fetch(request) } = options;
  const base = `${options.url.replace(/\/+$/, "")}/api/v1/`;
  const authorization: Headers = token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function send(request: Request): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(request);
    } catch (cause) {
      throw new SluiceError("NETWORK", `${options.url} cannot be reached`, { cause });
    }
    if (response.ok) return response;
    throw await toError(response, options.url);
  }

  async function get<Answer>(path: string, query: Query = {}): Promise<Answer> {
    const response = await send(new Request(base + withQuery(path, query), { headers: authorization }));
    return (await response.json()) as Answer;
  }

  async function post<Answer>(path: string, body: unknown = {}, more: Headers = {}): Promise<Answer> {
    const headers = { ...authorization, ...more, "content-type": "application/json" };
    const response = await send(
      new Request(base + path, { method: "POST", headers, body: JSON.stringify(body) }),
    );
    return (await response.json()) as Answer;
  }

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
    replayAll: (filter, { dryRun = false } = {}) => post("runs/replay", { filter, dryRun }),
    forget: (key) => post("forget", { key }),
    async *stream({ lastId, signal } = {}) {
      const headers = { ...authorization, ...(lastId !== undefined && { "last-event-id": lastId }) };
      const { body } = await send(new Request(`${base}stream`, { headers, ...(signal && { signal }) }));
      if (body === null) return;
      for await (const { id, event, data } of parseEvents(body)) {
        yield { id, event, data: JSON.parse(data) } as StreamMessage;
      }
    },
  };
}

async function toError(response: Response, url: string): Promise<SluiceError> {
  return errorIn(await response.json().catch(() => undefined), response.status, url);
}
