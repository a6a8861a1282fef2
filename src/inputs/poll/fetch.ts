import { hash } from "node:crypto";
import type { Clock } from "../../model/clock.ts";
import { parseDuration } from "../../model/duration.ts";
import { SluiceError } from "../../model/errors.ts";
import { createMask, type Redact } from "../../model/mask.ts";
import { parseSize } from "../../model/size.ts";
import type { HttpAnswer, HttpClient } from "../../net/client.ts";
import { readable } from "../../net/readable.ts";
import { parseRetryAfter } from "../../net/retry-after.ts";
import type { ResolvedOptions } from "./options.ts";

/** What lets a server answer 304 (RFC 9110, section 13.1), and of which URL. */
export interface Validators {
  /** A hash: the URL itself may hold a secret. */
  readonly url: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** What became of one question. */
export type Fetched =
  | {
      readonly type: "answer";
      readonly answer: HttpAnswer;
      readonly validators: Validators | undefined;
    }
  | { readonly type: "unchanged" }
  | { readonly type: "failed"; readonly error: unknown; readonly retryAfter: number | undefined };

export interface Question {
  readonly url: URL;
  readonly validators: Validators | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export type Fetch = (question: Question) => Promise<Fetched>;

/** Longest time that is taken from a Retry-After header. */
const LONGEST_DELAY = 60 * 60 * 1_000;
/** Validators longer than this are not kept. */
const LONGEST_VALIDATOR = 1_000;
/** Characters of an answer that an error shows. */
const IN_ERROR = 200;

/** Asks, and tells what came back; it throws only if the question's signal aborted. */
export function createFetch(options: ResolvedOptions, client: HttpClient): Fetch {
  const timeout = parseDuration(options.requestTimeout);
  const { method, body } = options;
  const mask = createMask([...Object.values(options.headers), ...(body === undefined ? [] : [body])]);
  const given = Object.fromEntries(
    Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );

  return async ({ url, validators, signal, clock }) => {
    const target = `${method} ${url.origin}`;
    const id = hash("sha256", url.href, "base64url");
    const known = validators?.url === id ? validators : undefined;
    const late = new AbortController();
    const timer = clock.setTimer(timeout, () =>
      late.abort(new SluiceError("TIMEOUT", `${target} did not answer within ${timeout} ms`)),
    );
    try {
      const answer = await client.request({
        url: url.href,
        method,
        headers: {
          accept: "application/json",
          "user-agent": "sluice",
          ...(body !== undefined && {
            "content-type": "application/json",
            "content-length": String(Buffer.byteLength(body)),
          }),
          ...given,
          "accept-encoding": "identity",
          ...(known?.etag !== undefined && { "if-none-match": known.etag }),
          ...(known?.lastModified !== undefined && { "if-modified-since": known.lastModified }),
        },
        ...(body !== undefined && { body }),
        signal: AbortSignal.any([signal, late.signal]),
        clock,
      });
      signal.throwIfAborted();
      // What is still missing of it was cut off by us.
      if (answer.cut) late.signal.throwIfAborted();
      if (answer.status === 304 && known !== undefined) return { type: "unchanged" };
      const error = wrong(answer, target, options.maxAnswer, mask);
      if (error === undefined) return { type: "answer", answer, validators: validatorsOf(answer, id) };
      return { type: "failed", error, retryAfter: retryAfter(answer, clock.now()) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return { type: "failed", error, retryAfter: undefined };
    } finally {
      timer.cancel();
    }
  };
}

function wrong(
  answer: HttpAnswer,
  target: string,
  maxAnswer: number | string,
  mask: Redact,
): SluiceError | undefined {
  const { status, headers, cutBy } = answer;
  if (status >= 300 && status < 400 && status !== 304) {
    return invalidStatus(
      `${target} answered ${status}, a redirect, which is not followed; set url to the place`,
    );
  }
  if (status < 200 || status >= 300) {
    const text = readable(answer.body, IN_ERROR, answer.cut, mask);
    return invalidStatus(`${target} answered ${status}${text === "" ? "" : `: ${text}`}`);
  }
  if (cutBy === "size") {
    const most = parseSize(maxAnswer);
    return invalid(`${target} answered more than ${most} bytes; ask for less, or raise max_answer`);
  }
  if (cutBy === "time") return new SluiceError("TIMEOUT", `the answer of ${target} did not end in time`);
  if (cutBy === "connection") return new SluiceError("NETWORK", `the answer of ${target} broke off`);
  const encoding = String(headers["content-encoding"] ?? "identity").toLowerCase();
  if (encoding !== "identity")
    return invalid(`the answer of ${target} is compressed, which was not asked for`);
  return undefined;
}

function validatorsOf({ headers }: HttpAnswer, url: string): Validators | undefined {
  const etag = short(headers["etag"]);
  const lastModified = short(headers["last-modified"]);
  if (etag === undefined && lastModified === undefined) return undefined;
  return { url, ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
}

function short(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && header.length <= LONGEST_VALIDATOR ? header : undefined;
}

function retryAfter({ headers }: HttpAnswer, now: number): number | undefined {
  const header = headers["retry-after"];
  return parseRetryAfter(typeof header === "string" ? header : undefined, now, LONGEST_DELAY);
}

function invalidStatus(message: string): SluiceError {
  return new SluiceError("HTTP_STATUS", message);
}

export function invalid(message: string): SluiceError {
  return new SluiceError("INVALID_ANSWER", message);
}
