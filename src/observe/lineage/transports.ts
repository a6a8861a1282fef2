import { appendFile } from "node:fs/promises";
import { sleep, type Clock } from "../../model/clock.ts";
import { SluiceError } from "../../model/errors.ts";
import { createAddressGuard } from "../../net/address.ts";
import { createHttpClient, type HttpClient } from "../../net/client.ts";
import { readable } from "../../net/readable.ts";
import { checkUrlOption } from "../../net/target.ts";
import type { Sent, Transport } from "./outbox.ts";
import type { RunEvent } from "./run-event.ts";

/** Where the OpenLineage API has its events (OpenLineage.yml, `postRunEvent`). */
const ENDPOINT = "/api/v1/lineage";
/** Calls at a time. Events of one run go through the same one, in their order. */
const LANES = 8;
const TIMEOUT = 10_000;
const IN_ERROR = 200;

export interface HttpOptions {
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly allowPrivate?: boolean | readonly string[] | undefined;
}

/**
 * One POST an event: that is what all receivers take. No answer, 408, 429 and 5xx are tried again; any other answer
 * than 2xx refuses the event.
 *
 * @throws SluiceError INVALID_OPTIONS, PRIVATE_ADDRESS
 */
export function httpTransport({ url, apiKey, allowPrivate = false }: HttpOptions, clock: Clock): Transport {
  const guard = createAddressGuard(allowPrivate);
  const target = checkUrlOption(url, guard);
  if (target.pathname === "/") target.pathname = ENDPOINT;
  const client = createHttpClient({ guard });
  const headers = {
    "content-type": "application/json",
    "user-agent": "sluice",
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  const post = (event: RunEvent, signal: AbortSignal): Promise<Verdict> =>
    call(client, { url: target.href, headers, event, clock, signal });
  return {
    send: (events, signal) => sendInLanes(events, (event) => post(event, signal)),
    close: () => client.close(),
  };
}

interface Verdict {
  readonly is: "taken" | "refused" | "again";
  readonly error?: unknown;
}

interface Call {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly event: RunEvent;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

async function call(client: HttpClient, { url, headers, event, clock, signal }: Call): Promise<Verdict> {
  const body = JSON.stringify(event);
  const over = new AbortController();
  const late = new SluiceError("TIMEOUT", `${new URL(url).origin} did not answer within ${TIMEOUT} ms`);
  void sleep(clock, TIMEOUT, over.signal).then(() => over.abort(late));
  try {
    const answer = await client.request({
      url,
      method: "POST",
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
      body,
      clock,
      signal: AbortSignal.any([over.signal, signal]),
    });
    return judge(
      answer.status,
      `${new URL(url).origin} answered ${answer.status}: ${readable(answer.body, IN_ERROR, false)}`,
    );
  } catch (error) {
    return { is: "again", error };
  } finally {
    over.abort();
  }
}

function judge(status: number, message: string): Verdict {
  if (status >= 200 && status < 300) return { is: "taken" };
  const isPassing = status >= 500 || status === 408 || status === 429;
  return { is: isPassing ? "again" : "refused", error: new SluiceError("HTTP_STATUS", message) };
}

async function sendInLanes(
  events: readonly RunEvent[],
  post: (event: RunEvent) => Promise<Verdict>,
): Promise<Sent> {
  const again: RunEvent[] = [];
  let refused = 0;
  let error: unknown;
  const work = async (lane: readonly RunEvent[]): Promise<void> => {
    for (const [index, event] of lane.entries()) {
      const verdict = await post(event);
      error ??= verdict.error;
      if (verdict.is === "refused") refused += 1;
      if (verdict.is !== "again") continue;
      // What comes after it may not overtake it.
      again.push(...lane.slice(index));
      return;
    }
  };
  await Promise.all([...Map.groupBy(events, laneOf).values()].map(work));
  return { again, refused, error };
}

function laneOf({ run }: RunEvent): number {
  return Number.parseInt(run.runId.slice(0, 2), 16) % LANES;
}

/** Appends a line of JSON an event. */
export function fileTransport(path: string): Transport {
  return {
    async send(events) {
      try {
        await appendFile(path, events.map((event) => `${JSON.stringify(event)}\n`).join(""), { mode: 0o600 });
        return { again: [], refused: 0 };
      } catch (error) {
        return { again: events, refused: 0, error };
      }
    },
    close: () => undefined,
  };
}
