import { SluiceError } from "../../model/errors.ts";
import type { Clock } from "../../model/clock.ts";
import type { HttpClient, HttpStream } from "../../net/client.ts";
import { parseRetryAfter } from "../../net/retry-after.ts";
import type { ResolvedOptions } from "./options.ts";

/** Longest time that is taken from a Retry-After header, and for a server to answer, in milliseconds. */
const LONGEST_DELAY = 60 * 60 * 1_000;
const CONNECT_TIMEOUT = 30_000;

/** A server that answered something else than a stream, and when it wants to be asked again. */
export class Refusal extends Error {
  /** Milliseconds from now. */
  readonly retryAfter: number | undefined;

  constructor(error: SluiceError, retryAfter: number | undefined) {
    super(error.message, { cause: error });
    this.retryAfter = retryAfter;
  }
}

/**
 * Opens the stream where the last one ended; `undefined` if the server wants no more of us (204).
 *
 * @throws Refusal, and what `HttpClient` throws
 */
export async function connect(
  client: HttpClient,
  url: URL,
  options: ResolvedOptions,
  lastId: string,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<HttpStream | undefined> {
  const target = `GET ${url.origin}`;
  const late = new AbortController();
  const timer = clock.setTimer(CONNECT_TIMEOUT, () =>
    late.abort(new SluiceError("TIMEOUT", `${target} did not answer within ${CONNECT_TIMEOUT} ms`)),
  );
  const lower = Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const resumed = headerValue(lastId);
  let stream: HttpStream;
  try {
    stream = await client.open({
      url: url.href,
      method: "GET",
      headers: {
        "user-agent": "sluice",
        "cache-control": "no-store",
        ...Object.fromEntries(lower),
        accept: "text/event-stream",
        "accept-encoding": "identity",
        ...(resumed !== undefined && { "last-event-id": resumed }),
      },
      signal: AbortSignal.any([signal, late.signal]),
      clock,
    });
  } finally {
    timer.cancel();
  }
  const error = wrong(stream, target);
  if (error === undefined && stream.status === 200) return stream;
  stream.destroy();
  if (error === undefined) return undefined;
  const { "retry-after": header } = stream.headers;
  const text = typeof header === "string" ? header : undefined;
  throw new Refusal(error, parseRetryAfter(text, clock.now(), LONGEST_DELAY));
}

function wrong({ status, headers }: HttpStream, target: string): SluiceError | undefined {
  if (status === 204) return undefined;
  if (status >= 300 && status < 400) {
    const message = `${target} answered ${status}, a redirect, which is not followed; set url to the place`;
    return new SluiceError("HTTP_STATUS", message);
  }
  if (status !== 200) return new SluiceError("HTTP_STATUS", `${target} answered ${status}`);
  const type = headers["content-type"];
  const isStream = typeof type === "string" && /^\s*text\/event-stream\s*(?:;|$)/i.test(type);
  const isPlain = /^(?:identity)?$/i.test(String(headers["content-encoding"] ?? ""));
  if (isStream && isPlain) return undefined;
  const said = isStream ? "it is compressed" : `its type is ${JSON.stringify(String(type).slice(0, 100))}`;
  return new SluiceError("INVALID_ANSWER", `${target} answered no text/event-stream: ${said}`);
}

/** The id in UTF-8, as the header holds it; `undefined` for none, or one that no header can hold. */
function headerValue(id: string): string | undefined {
  const text = Buffer.from(id, "utf8").toString("latin1");
  return /^[\t\x20-\x7e\x80-\xff]+$/.test(text) ? text : undefined;
}
