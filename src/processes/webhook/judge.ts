import { PermanentError, RetryAfter, SluiceError } from "../../model/errors.ts";
import type { HttpAnswer } from "../../net/client.ts";
import { parseRetryAfter } from "../../net/retry-after.ts";

/** Longest delay that is taken from a Retry-After header. */
const LONGEST_DELAY = 60 * 60 * 1_000;
const RETRIED: ReadonlySet<number> = new Set([408, 425, 429]);

/** Throws what an answer means for the run, unless it means success. */
export function judge(answer: HttpAnswer, what: string, text: string, now: number): void {
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

/** Whether a status says that the host is out of order, rather than what it thinks of this event. */
export function isIll(status: number): boolean {
  return status >= 500 || status === 429;
}
