import { SluiceError, type ErrorCode, type ErrorRecord } from "../model/errors.ts";
import { chunksOf, parseEvents, untilCut, type ServerEvent } from "./server-events.ts";
import { errorIn, withQuery, type Query } from "./wire.ts";

export type Fetch = (request: Request) => Promise<Response>;

export interface CallerOptions {
  /** Such as `http://127.0.0.1:8787`. */
  readonly url: string;
  /** For people: who did not answer. Defaults to the URL. */
  readonly where?: string;
  readonly token?: string | undefined;
  readonly fetch: Fetch;
}

export type Headers = Readonly<Record<string, string>>;

/** Who watches long work, and may end it. */
export interface Watcher<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * The one way to the API of a pipeline: calls by path, without a word on what they mean. Each rejects with a
 * SluiceError that has the code which the API answered, or NETWORK.
 */
export interface Caller {
  readonly get: <Answer>(path: string, query?: Query, signal?: AbortSignal) => Promise<Answer>;
  readonly post: <Answer>(path: string, body?: unknown, headers?: Headers) => Promise<Answer>;
  readonly put: <Answer>(path: string, body: unknown, headers?: Headers) => Promise<Answer>;
  readonly remove: <Answer>(path: string, query?: Query, headers?: Headers) => Promise<Answer>;
  /** What happens, from the message after `lastId` on; ends when the connection or the signal does. */
  readonly events: (
    path: string,
    lastId?: string,
    signal?: AbortSignal,
  ) => AsyncGenerator<ServerEvent, void, undefined>;
  /** Long work: tells of its progress, answers its report. To abort the signal ends it; what it did is kept. */
  readonly work: <Report, Progress>(
    path: string,
    body: unknown,
    watcher?: Watcher<Progress>,
  ) => Promise<Report>;
}

interface WorkLine {
  readonly progress?: unknown;
  readonly report?: unknown;
  readonly error?: ErrorRecord;
}

export function createCaller({ url, where = url, token, fetch }: CallerOptions): Caller {
  const base = `${url.replace(/\/+$/, "")}/api/v1/`;
  const authorization: Headers = token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request(base + path, init);
    let response: Response;
    try {
      response = await fetch(request);
    } catch (cause) {
      if (init.signal?.aborted === true) throw init.signal.reason;
      throw new SluiceError("NETWORK", `${where} cannot be reached`, { cause });
    }
    if (response.ok) return response;
    throw errorIn(await response.json().catch(() => undefined), response.status, where);
  }

  async function read<Answer>(response: Response): Promise<Answer> {
    try {
      return (await response.json()) as Answer;
    } catch {
      throw errorIn(undefined, response.status, where);
    }
  }

  function toPost(body: unknown, more: Headers = {}): RequestInit & { readonly headers: Headers } {
    const headers = { ...authorization, ...more, "content-type": "application/json" };
    return { method: "POST", headers, body: JSON.stringify(body) };
  }

  return {
    get: async (path, query = {}, signal) =>
      read(await send(withQuery(path, query), { headers: authorization, ...(signal && { signal }) })),
    post: async (path, body = {}, headers = {}) => read(await send(path, toPost(body, headers))),
    put: async (path, body, headers = {}) => {
      return read(await send(path, { ...toPost(body, headers), method: "PUT" }));
    },
    remove: async (path, query = {}, headers = {}) => {
      const init = { method: "DELETE", headers: { ...authorization, ...headers } };
      return read(await send(withQuery(path, query), init));
    },
    async *events(path, lastId, signal) {
      const headers = { ...authorization, ...(lastId !== undefined && { "last-event-id": lastId }) };
      const { body } = await send(path, { headers, ...(signal && { signal }) });
      if (body !== null) yield* parseEvents(chunksOf(body));
    },
    async work<Report, Progress>(
      path: string,
      body: unknown,
      { signal, onProgress }: Watcher<Progress> = {},
    ): Promise<Report> {
      const response = await send(path, { ...toPost(body), ...(signal && { signal }) });
      for await (const line of linesOf(response)) {
        const { progress, report, error } = line as WorkLine;
        if (error !== undefined) throw new SluiceError(error.code as ErrorCode, error.message);
        if (report !== undefined) return report as Report;
        if (progress !== undefined && progress !== null) onProgress?.(progress as Progress);
      }
      if (signal?.aborted === true) throw signal.reason;
      throw new SluiceError("NETWORK", `${where} broke off; what was done is kept: try again to go on`);
    },
  };
}

/** One JSON value a line; ends when the connection does. */
async function* linesOf({ body }: Response): AsyncGenerator<unknown, void, undefined> {
  if (body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of untilCut(chunksOf(body))) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) yield JSON.parse(text) as unknown;
  }
}
