import { HOPS_HEADER, RUN_HEADER } from "../model/cause-headers.ts";
import type { Process, RunContext } from "../model/component.ts";
import { parseDuration } from "../model/duration.ts";
import { isSluiceError } from "../model/errors.ts";
import type { Event } from "../model/event.ts";
import { defineProcess, type ProcessKind } from "../model/kind.ts";
import { createMask, type Redact } from "../model/mask.ts";
import { createAddressGuard } from "../net/address.ts";
import { createHttpClient, type HttpAnswer } from "../net/client.ts";
import { readable } from "../net/readable.ts";
import { githubSignature, secretKeys, standardSignature } from "../net/signature.ts";
import { checkUrlOption } from "../net/target.ts";
import { createContent, type Content } from "./webhook/body.ts";
import { CircuitBreaker, type Health } from "./webhook/breaker.ts";
import { isIll, judge } from "./webhook/judge.ts";
import { TokenSource } from "./webhook/oauth.ts";
import {
  webhookProcessOptions,
  type ResolvedOptions,
  type WebhookProcessOptions,
} from "./webhook/options.ts";

export type { WebhookMethod, WebhookProcessOptions } from "./webhook/options.ts";

/** How long an attempt may take if nothing else is said. */
const TIMEOUT = "30s";
/** The circuit of a host stays open for so long at most, in milliseconds. */
const LONGEST_BREAK = 300_000;
/** Characters of an answer that are kept in the run's log, and in its error. */
const LOGGED = 2_000;
const IN_ERROR = 200;
const TEXT_TYPE =
  /^\s*(?:text\/|application\/(?:[a-z0-9.+-]+\+)?(?:json|xml|problem\+json)\b|application\/(?:x-www-form-urlencoded|javascript|yaml)\b|$)/i;

/**
 * Sends each event by HTTP. A 2xx answer succeeds; 408, 425, 429, 5xx and no answer are tried again, after what
 * Retry-After says (an hour at most); any other answer is final, and 410 pauses the process as well. Redirects are not
 * followed. Every attempt carries the run's id as `Idempotency-Key`. An attempt times out after 30s by default. After
 * several failures in a row the host is left alone for a while: runs wait, and that costs them no attempt.
 */
export const webhookProcess: ProcessKind<WebhookProcessOptions, ResolvedOptions, unknown> = defineProcess({
  type: "webhook",
  summary: "Sends each event by HTTP, signed if it has a secret.",
  options: webhookProcessOptions,
  secrets: ["secret", "secrets", "headers", "oauth.client_secret", "tls.key"],
  create: createWebhookProcess,
  async check({ url, allowPrivate, oauth }) {
    const client = createHttpClient({ guard: createAddressGuard(allowPrivate) });
    await client.reach(url);
    if (oauth !== undefined) await client.reach(oauth.token_url);
  },
});

function createWebhookProcess(name: string, given: ResolvedOptions): Process {
  const guard = createAddressGuard(given.allowPrivate);
  const url = checkUrlOption(given.url, guard);
  if (given.oauth !== undefined) checkUrlOption(given.oauth.token_url, guard, "oauth.token_url");
  const secrets = [...(given.secrets ?? []), ...(given.secret === undefined ? [] : [given.secret])];
  const keys = secrets.flatMap((text) => secretKeys(text, given.scheme).slice(0, 1));
  const client = createHttpClient({ guard, tls: given.tls });
  const tokens = given.oauth && new TokenSource(given.oauth, client);
  const makeContent = createContent(given.body, given.template);
  const breaker = new CircuitBreaker({
    failures: given.breakAfter,
    coolDown: parseDuration(given.breakFor),
    longest: LONGEST_BREAK,
    host: url.origin,
  });
  const hidden = [...secrets, ...Object.values(given.headers)];
  const maskStatic = createMask(hidden);
  // Path and query may hold a token, so that messages do without them.
  const target = `${given.method} ${url.origin}`;

  async function deliver(event: Event, context: RunContext, told: (status: number) => void): Promise<void> {
    const { signal, clock } = context;
    const content = makeContent(event, context);
    for (let isRenewed = false; ; isRenewed = true) {
      const token = await tokens?.token(clock, signal);
      const startedAt = clock.monotonic();
      const answer = await client.request({
        url: url.href,
        method: given.method,
        headers: {
          ...headersOf(event, context, content.text),
          ...sentHeaders(given, content),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        ...(given.method !== "GET" && { body: content.text }),
        signal,
        clock,
      });
      const took = Math.round(clock.monotonic() - startedAt);
      const mask = token === undefined ? maskStatic : createMask([...hidden, token]);
      const text = textOf(answer, mask);
      context.log(`${target}: ${answer.status} after ${took} ms${text === "" ? "" : `\n${text}`}`);
      told(answer.status);
      if (answer.status === 401 && token !== undefined) {
        tokens?.reject(token);
        // It may have been withdrawn before its time: a new one is tried once.
        if (!isRenewed) continue;
      }
      judge(answer, `${target} answered ${answer.status}`, text.slice(0, IN_ERROR), clock.now());
      return;
    }
  }

  return {
    name,
    type: "webhook",
    settings: { timeout: TIMEOUT },
    async run(event, context) {
      const { signal, clock } = context;
      signal.throwIfAborted();
      let status: number | undefined;
      const told = (answered: number): void => void (status = answered);
      const healthOf = (error: unknown): Health => {
        if (status !== undefined) return isIll(status) ? "ill" : "well";
        return isSluiceError(error, "NETWORK") || isSluiceError(error, "TIMEOUT") ? "ill" : "neutral";
      };
      await breaker.guard(clock, signal, () => deliver(event, context, told), healthOf, context.log);
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

function sentHeaders({ method, headers }: ResolvedOptions, content: Content): Record<string, string> {
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const),
  );
  if (method === "GET") return lower;
  const type = content.type === undefined ? {} : { "content-type": content.type };
  return content.isFixed ? { ...lower, ...content.headers, ...type } : { ...type, ...lower };
}

/** The beginning of an answer, if it is text. */
function textOf({ headers, body, cut }: HttpAnswer, mask: Redact): string {
  const type = String(headers["content-type"] ?? "");
  if (TEXT_TYPE.test(type)) return readable(body, LOGGED, cut, mask);
  return `(${body.length}${cut ? " or more" : ""} bytes of ${readable(Buffer.from(type), 100, false, mask)})`;
}

function signatures(
  keys: readonly Buffer[],
  { scheme, method }: ResolvedOptions,
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
