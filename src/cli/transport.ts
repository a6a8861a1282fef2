import { request as requestHttp, type RequestOptions } from "node:http";
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

const TIMEOUT = 60_000;

/** To a server at a URL. */
export function overNetwork(url: string): Transport {
  return async (call) => {
    const { protocol, hostname, port, pathname } = new URL(url);
    const request = protocol === "https:" ? (await import("node:https")).request : requestHttp;
    const prefix = pathname.replace(/\/$/, "");
    const host = hostname.replace(/^\[|\]$/g, "");
    return send(request, { host, port, path: `${prefix}${call.path}` }, call);
  };
}

/** To the owner of a journal. */
export function overSocket(socketPath: string): Transport {
  return (call) => send(requestHttp, { socketPath, path: call.path }, call);
}

/** To a handler in this process. */
export function inProcess(fetch: FetchHandler): Transport {
  return async ({ method, path, headers, body }) => {
    const response = await fetch(
      new Request(`http://localhost${path}`, { method, headers, ...(body !== undefined && { body }) }),
    );
    return { status: response.status, body: await response.text() };
  };
}

function send(request: typeof requestHttp, where: RequestOptions, call: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { method, headers } = call;
    const outgoing = request({ ...where, method, headers, agent: false, timeout: TIMEOUT });
    outgoing.on("response", (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT / 1_000} s`)));
    outgoing.on("error", reject);
    outgoing.end(call.body);
  });
}
