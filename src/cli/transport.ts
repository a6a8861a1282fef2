import { request as requestHttp, type RequestOptions } from "node:http";
import { Readable } from "node:stream";
import type { Fetch } from "../client/caller.ts";

const TIMEOUT = 60_000;

/** To a server at a URL. Follows no redirect, and keeps no connection open. */
export function overNetwork(): Fetch {
  return async (request) => {
    const { protocol, hostname, port } = new URL(request.url);
    const send = protocol === "https:" ? (await import("node:https")).request : requestHttp;
    return carry(send, { host: hostname.replace(/^\[|\]$/g, ""), port }, request);
  };
}

/** To the owner of a journal, whatever host the URL names. */
export function overSocket(socketPath: string): Fetch {
  return (request) => carry(requestHttp, { socketPath }, request);
}

async function carry(send: typeof requestHttp, where: RequestOptions, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
  const headers = Object.fromEntries(request.headers);
  return new Promise((resolve, reject) => {
    const { method, signal } = request;
    const options = { method, headers, signal, agent: false, timeout: TIMEOUT, path: pathname + search };
    const outgoing = send({ ...where, ...options });
    outgoing.on("response", (incoming) => {
      const { statusCode: status = 0 } = incoming;
      const stream = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
      resolve(new Response(hasBody(status) ? stream : null, { status }));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT / 1_000} s`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** RFC 9110, section 6.4.1: a Response must have none with these. */
function hasBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}
