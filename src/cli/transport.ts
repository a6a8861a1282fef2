import { request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { text } from "node:stream/consumers";
import type { FetchHandler } from "../http/api.ts";

export interface Call {
  readonly method: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Carries a call to an API. Rejects if nobody could be reached. */
export type Transport = (call: Call) => Promise<Reply>;

export interface StreamReply {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** As a transport, for an answer that goes on and on. */
export type StreamTransport = (call: Call) => Promise<StreamReply>;

/** Both ways to one API. */
export interface Line {
  readonly call: Transport;
  readonly stream: StreamTransport;
}

const TIMEOUT = 60_000;

/** To a server at a URL. */
export function overNetwork(url: string): Line {
  return lineTo(async (call) => {
    const { protocol, hostname, port, pathname } = new URL(url);
    const request = protocol === "https:" ? (await import("node:https")).request : requestHttp;
    const prefix = pathname.replace(/\/$/, "");
    const host = hostname.replace(/^\[|\]$/g, "");
    return send(request, { host, port, path: `${prefix}${call.path}` }, call);
  });
}

/** To the owner of a journal. */
export function overSocket(socketPath: string): Line {
  return lineTo((call) => send(requestHttp, { socketPath, path: call.path }, call));
}

/** To a handler in this process. */
export function inProcess(fetch: FetchHandler): Line {
  const ask = async ({ method, path, headers, body }: Call): Promise<Response> =>
    fetch(new Request(`http://localhost${path}`, { method, headers, ...(body !== undefined && { body }) }));
  return {
    async call(call) {
      const response = await ask(call);
      return { status: response.status, body: await response.text() };
    },
    async stream(call) {
      const response = await ask(call);
      return { status: response.status, body: response.body ?? new ReadableStream() };
    },
  };
}

function lineTo(ask: (call: Call) => Promise<IncomingMessage>): Line {
  return {
    async call(call) {
      const response = await ask(call);
      return { status: response.statusCode ?? 0, body: await text(response) };
    },
    async stream(call) {
      const response = await ask(call);
      return { status: response.statusCode ?? 0, body: response };
    },
  };
}

function send(request: typeof requestHttp, where: RequestOptions, call: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, headers } = call;
    const outgoing = request({ ...where, method, headers, agent: false, timeout: TIMEOUT });
    outgoing.on("response", resolve);
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT / 1_000} s`)));
    outgoing.on("error", reject);
    outgoing.end(call.body);
  });
}
