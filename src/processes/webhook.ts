import { z } from "zod";
import { HOPS_HEADER, RUN_HEADER } from "../model/cause-headers.ts";
import type { Process, RunContext } from "../model/component.ts";
import { PermanentError, RetryAfter, SluiceError } from "../model/errors.ts";
import { formatEvent, type Event } from "../model/event.ts";
import { defineProcess, type ProcessKind } from "../model/kind.ts";
import { createMask } from "../model/mask.ts";
import { createAddressGuard } from "../net/address.ts";
import { createHttpClient, type HttpAnswer } from "../net/client.ts";
import { allowPrivateOption, headersOption } from "../net/options.ts";
import { readable } from "../net/readable.ts";
import { parseRetryAfter } from "../net/retry-after.ts";
import {
  githubSignature,
  isSecret,
  secretKeys,
  standardSignature,
  type SignatureScheme,
} from "../net/signature.ts";
import { checkUrlOption } from "../net/target.ts";

/** Headers that are ours to set, or the connection's. */
const RESERVED =
  /^(?:webhook-.*|x-sluice-.*|x-hub-signature-256|x-github-delivery|idempotency-key|traceparent|host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect)$/i;

const secret = z.string().refine(isSecret, "a secret must not be empty, and must be base64 after whsec_");

export type WebhookMethod = "POST" | "PUT" | "PATCH" | "DELETE" | "GET";

/** Options of the `webhook` process. */
export interface WebhookProcessOptions {
  /** Where events are sent: http or https, without user and password. */
  readonly url: string;
  /** Defaults to `POST`. */
  readonly method?: WebhookMethod | undefined;
  /** Headers that are sent besides. `Content-Type` defaults to `application/json`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Signs every call: `whsec_` and base64, or text. Defaults to none. */
  readonly secret?: string | undefined;
  /** Several secrets: each signs, for rotation. Defaults to none. */
  readonly secrets?: readonly string[] | undefined;
  /** How calls are signed: Standard Webhooks, or GitHub's way. Defaults to `standard`. */
  readonly scheme?: SignatureScheme | undefined;
  /** Whether private addresses may be called, or the ranges (CIDR) that may. Defaults to `false`. */
  readonly allowPrivate?: boolean | readonly string[] | undefined;
}

interface Options {
  readonly url: string;
  readonly method: WebhookMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret?: string | undefined;
  readonly secrets?: readonly string[] | undefined;
  readonly scheme: SignatureScheme;
  readonly allowPrivate: boolean | readonly string[];
}

const options: z.ZodType<Options, WebhookProcessOptions> = z.strictObject({
  url: z.string().describe("Where events are sent: http or https."),
  method: z.enum(["POST", "PUT", "PATCH", "DELETE", "GET"]).default("POST").describe("Defaults to POST."),
  headers: headersOption(RESERVED).describe(
    "Headers that are sent besides. Content-Type defaults to application/json.",
  ),
  secret: secret.optional().describe("Signs every call: `whsec_` and base64, or text."),
  secrets: z.array(secret).min(1).optional().describe("Several secrets: each signs, for rotation."),
  scheme: z
    .enum(["standard", "github"])
    .default("standard")
    .describe("How calls are signed: Standard Webhooks, or GitHub's way. Defaults to standard."),
  allowPrivate: allowPrivateOption,
});

/** How long an attempt may take if nothing else is said. */
const TIMEOUT = "30s";
/** Longest delay that is taken from a Retry-After header. */
const LONGEST_DELAY = 60 * 60 * 1_000;
/** Characters of an answer that are kept in the run's log, and in its error. */
const LOGGED = 2_000;
const IN_ERROR = 200;
const RETRIED: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Sends each event by HTTP. A 2xx answer succeeds; 408, 425, 429, 5xx and no answer are tried again, after what
 * Retry-After says (an hour at most); any other answer is final, and 410 pauses the process as well. Redirects are not
 * followed. Every attempt carries the run's id as `Idempotency-Key`. An attempt times out after 30s by default.
 */
export const webhookProcess: ProcessKind<WebhookProcessOptions, Options, unknown> = defineProcess({
  type: "webhook",
  summary: "Sends each event by HTTP, signed if it has a secret.",
  options,
  secrets: ["secret", "secrets", "headers"],
  create: createWebhookProcess,
  async check({ url, allowPrivate }) {
    await createHttpClient({ guard: createAddressGuard(allowPrivate) }).reach(url);
  },
});

function createWebhookProcess(name: string, given: Options): Process {
  const guard = createAddressGuard(given.allowPrivate);
  const url = checkUrlOption(given.url, guard);
  const secrets = [...(given.secrets ?? []), ...(given.secret === undefined ? [] : [given.secret])];
  const keys = secrets.flatMap((text) => secretKeys(text, given.scheme).slice(0, 1));
  const client = createHttpClient({ guard });
  const mask = createMask([...secrets, ...Object.values(given.headers)]);
  // Path and query may hold a token, so that messages do without them.
  const target = `${given.method} ${url.origin}`;

  return {
    name,
    type: "webhook",
    settings: { timeout: TIMEOUT },
    async run(event, context) {
      const body = formatEvent(event);
      const { signal, clock } = context;
      const startedAt = clock.monotonic();
      const answer = await client.request({
        url: url.href,
        method: given.method,
        headers: { ...headersOf(event, context, body), ...sentHeaders(given) },
        ...(given.method !== "GET" && { body }),
        signal,
        clock,
      });
      const took = Math.round(clock.monotonic() - startedAt);
      const text = mask(readable(answer.body, LOGGED, answer.cut));
      context.log(`${target}: ${answer.status} after ${took} ms${text === "" ? "" : `\n${text}`}`);
      judge(answer, `${target} answered ${answer.status}`, text.slice(0, IN_ERROR), clock.now());
    },
    async close() {
      client.close();
    },
  };

  function headersOf(event: Event, context: RunContext, body: string): Record<string, string> {
    const { id } = context.run;
    return {
      ...(given.method !== "GET" && { "content-length": String(Buffer.byteLength(body)) }),
      "user-agent": "sluice",
      "accept-encoding": "identity",
      "idempotency-key": id,
      traceparent: context.traceparent,
      [RUN_HEADER]: id,
      "x-sluice-attempt": String(context.attempt),
      "x-sluice-fence": String(context.fence),
      [HOPS_HEADER]: String((event.cause?.hops ?? 0) + 1),
      ...signatures(keys, given, id, Math.floor(context.clock.now() / 1_000), body),
    };
  }
}

function sentHeaders({ method, headers }: Options): Record<string, string> {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return { ...(method !== "GET" && { "content-type": "application/json" }), ...Object.fromEntries(lower) };
}

function signatures(
  keys: readonly Buffer[],
  { scheme, method }: Options,
  id: string,
  seconds: number,
  body: string,
): Record<string, string> {
  const signed = method === "GET" ? "" : body;
  if (scheme === "github") {
    const [key] = keys;
    if (key === undefined) return {};
    return { "x-github-delivery": id, "x-hub-signature-256": githubSignature(key, signed) };
  }
  const identity = { "webhook-id": id, "webhook-timestamp": String(seconds) };
  if (keys.length === 0) return identity;
  const signature = keys.map((key) => standardSignature(key, id, String(seconds), signed)).join(" ");
  return { ...identity, "webhook-signature": signature };
}

/** Throws what an answer means for the run, unless it means success. */
function judge(answer: HttpAnswer, what: string, text: string, now: number): void {
  const { status } = answer;
  if (status >= 200 && status < 300) return;
  const message = text === "" ? what : `${what}: ${text}`;
  if (status >= 500 || RETRIED.has(status)) {
    const header = answer.headers["retry-after"];
    const delay = parseRetryAfter(typeof header === "string" ? header : undefined, now, LONGEST_DELAY);
    if (delay !== undefined) throw new RetryAfter(message, { delay, code: "HTTP_STATUS" });
    throw new SluiceError("HTTP_STATUS", message, { details: { status } });
  }
  if (status === 410) {
    const paused = `${message}; the receiver is gone for good, so the process is paused`;
    throw new PermanentError(paused, { code: "HTTP_STATUS", pauseProcess: true });
  }
  if (status >= 300 && status < 400) {
    const redirect = `${what}, a redirect, which is not followed; set url to the place itself`;
    throw new PermanentError(redirect, { code: "HTTP_STATUS" });
  }
  throw new PermanentError(message, { code: "HTTP_STATUS" });
}
