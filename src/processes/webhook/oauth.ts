import { z } from "zod";
import type { Clock } from "../../model/clock.ts";
import { Postponed, SluiceError } from "../../model/errors.ts";
import { createMask, type Redact } from "../../model/mask.ts";
import type { HttpAnswer, HttpClient } from "../../net/client.ts";
import { readable } from "../../net/readable.ts";
import { abortable } from "./breaker.ts";

/** Client credentials of OAuth 2.0 (RFC 6749, section 4.4), by the names that it gives them. */
export interface OAuthOptions {
  /** Where tokens are had. */
  readonly token_url: string;
  readonly client_id: string;
  readonly client_secret: string;
  /** Defaults to none. */
  readonly scope?: string | undefined;
  /** Sent along for servers that want one. Defaults to none. */
  readonly audience?: string | undefined;
  /** Whether id and secret go into the header `Authorization` or into the body. Defaults to `basic`. */
  readonly auth?: "basic" | "body" | undefined;
}

export const oauthOption: z.ZodType<OAuthOptions, OAuthOptions> = z.strictObject({
  token_url: z.string(),
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  scope: z.string().min(1).optional(),
  audience: z.string().min(1).optional(),
  auth: z.enum(["basic", "body"]).optional(),
});

const TIMEOUT = 30_000;
/** How long before its end a token is no longer used, and how long one lasts that does not say. */
const EARLY = 60_000;
const UNSAID = 300_000;
/** Every run needs a token: without one they wait for so long, so often, without the cost of an attempt. */
const HOLD = 30_000;
const LIMIT = 100;
/** Characters of an answer that an error shows. */
const IN_ERROR = 200;
/** What a header can hold (RFC 6750, section 2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/]{1,16384}=*$/;

interface Token {
  readonly text: string;
  /** By the monotonic clock. */
  readonly until: number;
}

/** Has a token at hand: fetched once for all who ask, and kept until shortly before its end. */
export class TokenSource {
  readonly #options: OAuthOptions;
  readonly #client: HttpClient;
  readonly #target: string;
  readonly #mask: Redact;
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;

  constructor(options: OAuthOptions, client: HttpClient) {
    const { client_id: id, client_secret: secret } = options;
    this.#options = options;
    this.#client = client;
    // In every spelling in which it is sent: servers quote what they got.
    this.#mask = createMask([secret, formEncode(secret), basic(id, secret).slice("Basic ".length)]);
    this.#target = `the token endpoint ${new URL(options.token_url).origin}`;
  }

  /** @throws Postponed if there is none to be had, or the signal's reason */
  async token(clock: Clock, signal: AbortSignal): Promise<string> {
    if (this.#token !== undefined && clock.monotonic() < this.#token.until) return this.#token.text;
    // Not by the signal of one of those who wait for it.
    this.#fetching ??= this.#fetch(clock).finally(() => (this.#fetching = undefined));
    this.#token = await abortable(this.#fetching, signal);
    return this.#token.text;
  }

  /** The receiver did not take it. */
  reject(text: string): void {
    if (this.#token?.text === text) this.#token = undefined;
  }

  async #fetch(clock: Clock): Promise<Token> {
    const late = new AbortController();
    const timer = clock.setTimer(TIMEOUT, () =>
      late.abort(new SluiceError("TIMEOUT", `${this.#target} did not answer within ${TIMEOUT} ms`)),
    );
    try {
      return this.#read(await this.#client.request(this.#call(clock, late.signal)), clock.monotonic());
    } catch (error) {
      const { message, code } = error as { message: string; code?: string };
      throw new Postponed(message, {
        delay: HOLD,
        limit: LIMIT,
        holdProcess: true,
        cause: error,
        ...(code !== undefined && { code }),
      });
    } finally {
      timer.cancel();
    }
  }

  #call(clock: Clock, signal: AbortSignal): Parameters<HttpClient["request"]>[0] {
    const { token_url: url, client_id, client_secret, scope, audience, auth = "basic" } = this.#options;
    const form = new URLSearchParams({ grant_type: "client_credentials" });
    if (scope !== undefined) form.set("scope", scope);
    if (audience !== undefined) form.set("audience", audience);
    if (auth === "body") {
      form.set("client_id", client_id);
      form.set("client_secret", client_secret);
    }
    const body = form.toString();
    return {
      url,
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "content-length": String(Buffer.byteLength(body)),
        accept: "application/json",
        "accept-encoding": "identity",
        "user-agent": "sluice",
        ...(auth === "basic" && { authorization: basic(client_id, client_secret) }),
      },
      body,
      signal,
      clock,
    };
  }

  #read(answer: HttpAnswer, now: number): Token {
    const text = readable(answer.body, IN_ERROR, answer.cut, this.#mask);
    if (answer.status !== 200) {
      const said = `${this.#target} answered ${answer.status}${text === "" ? "" : `: ${text}`}`;
      throw new SluiceError("HTTP_STATUS", said);
    }
    const { access_token: token, token_type: type, expires_in: seconds } = parse(answer.body);
    const isToken = typeof token === "string" && TOKEN.test(token);
    const isBearer = typeof type === "string" && type.toLowerCase() === "bearer";
    // Not what it answered: that may hold the token.
    if (!isToken) throw new SluiceError("INVALID_ANSWER", `${this.#target} answered without an access_token`);
    if (!isBearer)
      throw new SluiceError("INVALID_ANSWER", `${this.#target} answered a token that is no bearer token`);
    const lasts = Number(seconds) > 0 ? Number(seconds) * 1_000 : UNSAID;
    return { text: token, until: now + lasts - Math.min(EARLY, lasts / 2) };
  }
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Both are form-encoded first (RFC 6749, section 2.3.1). */
function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString("base64")}`;
}

function formEncode(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice("a=".length);
}
