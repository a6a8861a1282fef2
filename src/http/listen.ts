import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, ListenOptions, Socket } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import { SluiceError } from "../model/errors.ts";
import type { FetchHandler } from "./api.ts";
import { problem, toProblem, type Problem } from "../model/problem.ts";

export interface Listener {
  /** `http://127.0.0.1:8787`, or `unix:/path`. */
  readonly url: string;
  /**
   * Takes no more requests; gives those under way `grace` milliseconds (5,000 by default) to finish, then cuts
   * them off. Always resolves. Idempotent.
   */
  close(grace?: number): Promise<void>;
}

export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ListenTimeouts {
  /** From the connection, or the end of the last request, to the last header. Defaults to 10,000 ms. */
  readonly headers?: number;
  /** From the first byte of a request to the last of its body. Defaults to 30,000 ms. */
  readonly request?: number;
}

const KEEP_ALIVE = 30_000;
const LARGEST_HEADERS = 16_384;

/**
 * Serves a handler over HTTP. A sender that is too slow is answered 408.
 *
 * @throws SluiceError LISTENER_FAILED, for a port in use for example
 */
export async function listen(
  fetch: FetchHandler,
  address: Address,
  timeouts: ListenTimeouts = {},
): Promise<Listener> {
  const request = timeouts.request ?? 30_000;
  const headers = Math.min(timeouts.headers ?? 10_000, request);
  const answer = getRequestListener(fetch, { hostname: "localhost", errorHandler: answerError });
  const server = createServer(
    {
      headersTimeout: headers,
      requestTimeout: request,
      // How late a time-out may be noticed.
      connectionsCheckingInterval: Math.min(500, headers),
      keepAliveTimeout: KEEP_ALIVE,
      maxHeaderSize: LARGEST_HEADERS,
    },
    (incoming, outgoing) => {
      // Never rejects: what the handler throws, the error handler answers.
      void answer(incoming, outgoing);
    },
  );
  const connections = trackConnections(server);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    connections.refuse(socket, error.code);
  });
  await open(server, address);
  return { url: urlOf(server, address), close: once((grace) => connections.close(grace)) };
}

/** For what could not be made a request of, such as a target that is no path, and handlers that throw. */
function answerError(error: unknown): Response {
  if (error instanceof RequestError) return problem(400, "BAD_REQUEST", "the request is malformed");
  return problem(500, "INTERNAL", "the request failed inside");
}

function open(server: Server, address: Address): Promise<void> {
  const options: ListenOptions = "path" in address ? { path: address.path } : address;
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenerFailed(error, address)));
    server.listen(options, () => {
      server.removeAllListeners("error");
      // Such as EMFILE while accepting: the listener goes on, and those who connect see it.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another process; stop that or listen elsewhere",
  EACCES: "may not be listened on by this user; choose a port above 1023 or another path",
  EADDRNOTAVAIL: "is not an address of this machine",
  ENOTFOUND: "has a host name that cannot be resolved",
};

function listenerFailed(cause: NodeJS.ErrnoException, address: Address): SluiceError {
  const where = "path" in address ? address.path : authority(address.host, address.port);
  const why = REASONS[cause.code ?? ""] ?? `cannot be listened on: ${cause.message}`;
  return new SluiceError("LISTENER_FAILED", `${where} ${why}`, { cause, details: { address: where } });
}

function urlOf(server: Server, address: Address): string {
  if ("path" in address) return `unix:${address.path}`;
  return `http://${authority(address.host, (server.address() as AddressInfo).port)}`;
}

function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

interface Connections {
  refuse(socket: Socket, code: string | undefined): void;
  close(grace?: number): Promise<void>;
}

/** Knows which connections carry a request, so that closing waits for those and for no other. */
function trackConnections(server: Server): Connections {
  const active = new Map<Socket, ServerResponse | undefined>();
  let closing = false;

  server.on("connection", (socket: Socket) => {
    active.set(socket, undefined);
    socket.once("close", () => active.delete(socket));
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    active.set(socket, response);
    if (closing) response.setHeader("connection", "close");
    response.once("close", () => {
      if (active.get(socket) !== response) return;
      active.set(socket, undefined);
      if (closing) socket.destroySoon();
    });
  });

  return {
    refuse(socket, code) {
      const answered = active.get(socket)?.headersSent === true;
      if (socket.writable && !answered) socket.end(malformed(code));
      else socket.destroy();
    },
    close(grace = 5_000) {
      closing = true;
      return new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), grace);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        for (const [socket, response] of active) if (response === undefined) socket.destroy();
      });
    },
  };
}

/** The answer to what never became a request, written by hand: there is nobody else to write it. */
function malformed(code: string | undefined): string {
  const answer = problemFor(code);
  const body = JSON.stringify(answer);
  return [
    `HTTP/1.1 ${answer.status} ${answer.title}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

function problemFor(code: string | undefined): Problem {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return toProblem(408, "REQUEST_TIMEOUT", "the request took too long to arrive");
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    return toProblem(431, "BAD_REQUEST", `the headers are larger than ${LARGEST_HEADERS} bytes`);
  }
  return toProblem(400, "BAD_REQUEST", "the request is malformed");
}

function once(close: (grace?: number) => Promise<void>): (grace?: number) => Promise<void> {
  let closed: Promise<void> | undefined;
  return (grace) => (closed ??= close(grace));
}
