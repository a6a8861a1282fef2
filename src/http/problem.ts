import { isSluiceError, SluiceError, type ErrorCode } from "../model/errors.ts";
import { problem } from "../model/problem.ts";

/** Statuses of the codes that a request can provoke. Any other code is ours to mend: 500. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  BAD_REQUEST: 400,
  INVALID_EVENT: 400,
  INVALID_OPERATION: 400,
  INVALID_NAME: 400,
  INVALID_OPTIONS: 400,
  INVALID_DURATION: 400,
  INVALID_QUERY: 400,
  INVALID_EXPRESSION: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  LOCAL_ONLY: 403,
  NOT_FOUND: 404,
  UNKNOWN_NAME: 404,
  RUN_NOT_FOUND: 404,
  EVENT_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  RUN_STATE: 409,
  STATE_CONFLICT: 409,
  OPEN_RUNS: 409,
  VERSION_CONFLICT: 412,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  JOURNAL_FULL: 503,
  JOURNAL_IO: 503,
  JOURNAL_BACKLOG: 503,
  JOURNAL_CLOSED: 503,
  JOURNAL_OWNED: 503,
  NOT_RUNNING: 503,
  SHUTDOWN: 503,
  TOO_MANY_STREAMS: 503,
};

/** Of a code that a request can provoke; `undefined` for others. */
export function statusOf(code: ErrorCode): number | undefined {
  return STATUSES[code];
}

/**
 * The answer to a request that threw. What is not a SluiceError is our mistake: it is told to `report`,
 * and nothing of it leaves the house. What failed inside is redacted; what is wrong with a request is told as it
 * was written, lest a mask confirm to who guesses at a secret that it was right.
 */
export function problemOf(
  error: unknown,
  report: (error: unknown) => void,
  redact: (text: string) => string,
): Response {
  if (isSluiceError(error)) {
    const status = STATUSES[error.code] ?? 500;
    if (status === 500) report(error);
    const headers: Record<string, string> = {};
    if (status === 401) headers["www-authenticate"] = "Bearer";
    if (status === 503) headers["retry-after"] = "1";
    const detail = status < 500 ? error.message : redact(error.message);
    return problem(status, error.code, detail, headers);
  }
  report(error);
  return problem(500, "INTERNAL", "the request failed inside; the pipeline's log says why");
}

export function badRequest(detail: string): SluiceError {
  return new SluiceError("BAD_REQUEST", detail);
}

export function notFound(detail: string): SluiceError {
  return new SluiceError("NOT_FOUND", detail);
}
