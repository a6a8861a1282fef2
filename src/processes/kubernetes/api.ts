import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { Cluster } from "./driver.ts";

/** Longest time that the API server may be silent about a request; a stream may be silent for longer. */
const PATIENCE = 30_000;
const LARGEST_ANSWER = 64 * 1024 * 1024;

/** What a request does, as roles name it (`verbs`, `resources` of an RBAC rule). */
export interface Verb {
  readonly verb: "create" | "get" | "list" | "watch" | "patch" | "delete";
  readonly resource: "jobs" | "pods" | "pods/log" | "configmaps" | "events" | "selfsubjectaccessreviews";
}

export interface ApiRequest extends Verb {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** The API server of one cluster. */
export interface Api {
  readonly server: string;
  readonly namespace: string;
  /** @throws ApiError */
  call<Answer>(request: ApiRequest): Promise<Answer>;
  /** As `call`, but the answer's body comes as a stream, which ends when `signal` aborts. @throws ApiError */
  stream(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage>;
  close(): void;
}

/** The API server refused, or did not answer. */
export class ApiError extends Error {
  /** What was asked. Of the request nothing more is told: its body may hold secrets. */
  readonly asked: Verb;
  /** The HTTP status; `undefined` if there was no answer. */
  readonly status: number | undefined;
  /** Milliseconds that it asks to wait. */
  readonly retryAfter: number | undefined;
  constructor(
    message: string,
    { verb, resource }: Verb,
    answer: { readonly status?: number; readonly retryAfter?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: answer.cause });
    this.name = "ApiError";
    this.asked = { verb, resource };
    this.status = answer.status;
    this.retryAfter = answer.retryAfter;
  }
}

export function connectApi(cluster: Cluster): Api {
  const { server, namespace } = cluster;
  const transport = server.protocol === "http:" ? http : https;
  const agent = new transport.Agent({ keepAlive: true });

  async function send(request: ApiRequest, signal?: AbortSignal): Promise<IncomingMessage> {
    const { agent: proxy, headers, ...credentials } = await cluster.authenticate();
    const url = new URL(`${server.pathname.replace(/\/$/, "")}${request.path}`, server);
    url.search = new URLSearchParams(request.query).toString();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const sent = transport.request(url, {
      ...credentials,
      method: request.method,
      agent: proxy ?? agent,
      headers: {
        ...headers,
        accept: "application/json",
        ...(body !== undefined && {
          "content-type": request.method === "PATCH" ? "application/merge-patch+json" : "application/json",
          "content-length": Buffer.byteLength(body),
        }),
      },
      ...(signal !== undefined && { signal }),
    });
    sent.end(body);
    const answer = await answerTo(sent);
    // A stream may be silent; what breaks it is told by the answer itself.
    if (signal !== undefined) sent.setTimeout(0);
    const { statusCode: status = 0 } = answer;
    if (status >= 200 && status < 300) return answer;
    const text = await read(answer).catch(() => "");
    const seconds = Number(answer.headers["retry-after"]);
    throw new ApiError(explain(text) ?? `HTTP ${status}`, request, {
      status,
      ...(seconds > 0 && { retryAfter: seconds * 1000 }),
    });
  }

  return {
    server: server.origin,
    namespace,
    call: <Answer>(request: ApiRequest) =>
      guarded(request, async () => JSON.parse(await read(await send(request))) as Answer),
    stream: (request, signal) => guarded(request, () => send(request, signal)),
    close: () => agent.destroy(),
  };
}

async function guarded<T>(request: ApiRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(reasonOf(error), request, { cause: error });
  }
}

function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.setTimeout(PATIENCE, () => sent.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)));
    sent.once("error", reject);
    sent.once("response", (answer) => {
      sent.off("error", reject);
      sent.on("error", () => undefined);
      resolve(answer);
    });
  });
}

async function read(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += (chunk as Buffer).length;
    if (size > LARGEST_ANSWER) throw new Error(`the answer is larger than ${LARGEST_ANSWER} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The message of a `Status` object, with which the API server refuses. */
function explain(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === "string" && message !== "" ? message : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const { message, code, errors } = error as Error & { code?: string; errors?: readonly Error[] };
  // What tries several addresses fails with one error for each and no message.
  return message || errors?.[0]?.message || code || String(error);
}
