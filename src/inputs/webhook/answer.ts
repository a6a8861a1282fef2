import type { Receipt } from "../../model/component.ts";
import { isSluiceError, type ErrorCode, type SluiceError } from "../../model/errors.ts";
import { problem } from "../../model/problem.ts";

const STATUS: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  INVALID_EVENT: 400,
  INVALID_OPERATION: 400,
  UNAUTHORIZED: 401,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
};
/** Seconds after which a sender may try again. */
const RETRY_AFTER = "5";
const UNAVAILABLE = "the event could not be kept; nothing of it was, so send it again later";

export function answerReceipt(receipt: Receipt): Response {
  if (receipt.filtered === true) return Response.json({ filtered: true });
  if (receipt.duplicate) return Response.json({ uid: receipt.uid, duplicate: true });
  return Response.json({ uid: receipt.uid }, { status: 202 });
}

/** Whether the sender is to blame; otherwise the trouble is ours, and worth an entry in our own log. */
export function isSendersFault(error: unknown): error is SluiceError {
  return isSluiceError(error) && STATUS[error.code] !== undefined;
}

/** A problem of RFC 9457. What is wrong on our side is not told to strangers beyond its code. */
export function answerError(error: unknown): Response {
  if (isSendersFault(error)) {
    const status = STATUS[error.code] as number;
    const headers = status === 405 ? { allow: "POST" } : undefined;
    return problem(status, error.code, error.message, headers);
  }
  const code = isSluiceError(error) ? error.code : "INTERNAL";
  const detail = isSluiceError(error, "NOT_RUNNING") ? error.message : UNAVAILABLE;
  return problem(503, code, detail, { "retry-after": RETRY_AFTER });
}
