import { SluiceError } from "../model/errors.ts";
import { parseEvents, untilCut, type ServerEvent } from "../client/server-events.ts";
import { errorIn, withQuery, type Query } from "../client/wire.ts";
import type { Call, Line, Reply } from "./transport.ts";

/** Talks to a pipeline's API, wherever that is. */
export interface Client {
  /** For people: `socket /path`, a URL, or `journal /path`. */
  readonly where: string;
  /** Whether the pipeline is stopped, and its journal is read instead. */
  readonly isStopped: boolean;
  get<Body>(path: string, query?: Query): Promise<Body>;
  post<Body>(path: string, body?: unknown, headers?: Call["headers"]): Promise<Body>;
  /** What happens, from the message with this id on; ends when the connection does. */
  stream(path: string, lastId?: string): AsyncGenerator<ServerEvent, void, undefined>;
  /** As `post`, with an answer of one JSON value a line; ends when the connection does. To stop reading breaks it off. */
  lines<Value>(path: string, body: unknown): AsyncGenerator<Value, void, undefined>;
  close(): Promise<void>;
}

export interface ClientOptions {
  readonly where: string;
  readonly line: Line;
  readonly token?: string;
  readonly isStopped?: boolean;
  readonly close?: () => Promise<void>;
}

/** @throws SluiceError, from each call, with the code that the API answered */
export function createClient(options: ClientOptions): Client {
  const { where, line, token, isStopped = false, close = () => Promise.resolve() } = options;
  const authorization: Call["headers"] = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    where,
    isStopped,
    close,
    async get<Body>(path: string, query: Query = {}): Promise<Body> {
      const reply = await line.call({
        method: "GET",
        path: apiPath(withQuery(path, query)),
        headers: authorization,
      });
      return read(reply, where) as Body;
    },
    async post<Body>(path: string, body: unknown = {}, more: Call["headers"] = {}): Promise<Body> {
      const headers = { ...authorization, ...more, "content-type": "application/json" };
      const text = JSON.stringify(body);
      return read(
        await line.call({ method: "POST", path: apiPath(path), headers, body: text }),
        where,
      ) as Body;
    },
    async *lines<Value>(path: string, value: unknown): AsyncGenerator<Value, void, undefined> {
      const headers = { ...authorization, "content-type": "application/json" };
      const call = { method: "POST", path: apiPath(path), headers, body: JSON.stringify(value) } as const;
      const { status, body } = await line.stream(call);
      if (status !== 200) read({ status, body: await textOf(body) }, where);
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of untilCut(body)) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const text of lines) yield JSON.parse(text) as Value;
      }
    },
    async *stream(path, lastId) {
      const headers = { ...authorization, ...(lastId !== undefined && { "last-event-id": lastId }) };
      const { status, body } = await line.stream({ method: "GET", path: apiPath(path), headers });
      if (status !== 200) read({ status, body: await textOf(body) }, where);
      yield* parseEvents(body);
    },
  };
}

function apiPath(path: string): string {
  return `/api/v1/${path}`;
}

function read({ status, body }: Reply, where: string): unknown {
  const value = parse(body);
  if (status >= 200 && status < 300 && value !== undefined) return value;
  const error = errorIn(value, status, where);
  if (error.code !== "UNAUTHORIZED") throw error;
  throw new SluiceError("UNAUTHORIZED", `${where} needs its token: give --token, or set SLUICE_TOKEN`);
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
