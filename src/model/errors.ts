/**
 * Every code that sluice's errors carry. `docs/reference/errors.md` explains each;
 * a test compares the two lists.
 */
export type ErrorCode =
  // what a caller handed in
  | "INVALID_EVENT"
  | "INVALID_OPERATION"
  | "INVALID_NAME"
  | "INVALID_OPTIONS"
  | "INVALID_DURATION"
  | "INVALID_QUERY"
  | "INVALID_EXPRESSION"
  // topology
  | "DUPLICATE_NAME"
  | "DUPLICATE_LINK"
  | "UNKNOWN_NAME"
  | "SELF_LINK"
  | "CYCLE"
  // journal
  | "JOURNAL_OWNED"
  | "JOURNAL_DAMAGED"
  | "JOURNAL_FULL"
  | "JOURNAL_IO"
  | "JOURNAL_BACKLOG"
  | "JOURNAL_CLOSED"
  | "JOURNAL_UNSUPPORTED"
  | "JOURNAL_VERSION"
  | "STATE_CONFLICT"
  // runs
  | "RUN_FAILED"
  | "RUN_NOT_FOUND"
  | "RUN_STATE"
  | "EVENT_NOT_FOUND"
  | "TIMEOUT"
  | "CANCELLED"
  | "SHUTDOWN"
  | "ABANDONED"
  | "STALE_FENCE"
  | "CRASHED_HOST"
  | "HOP_LIMIT"
  | "WHEN_FAILED"
  | "OPEN_RUNS"
  | "VERSION_CONFLICT"
  | "LOCAL_ONLY"
  // inputs and lifecycle
  | "INPUT_FAILED"
  | "INPUT_SILENT"
  | "NOT_RUNNING"
  | "ALREADY_STARTED"
  | "MISSING_DEPENDENCY"
  | "LISTENER_FAILED"
  // config, command line
  | "CONFIG_SYNTAX"
  | "CONFIG_NOT_FOUND"
  | "UNKNOWN_KEY"
  | "UNKNOWN_TYPE"
  | "UNSET_REFERENCE"
  | "INSECURE_LISTENER"
  | "HOOK_PATH"
  | "UNLINKED"
  | "WEAK_SECRET"
  | "MODULE_NOT_FOUND"
  | "NOTHING_TO_TALK_TO"
  // outside systems
  | "PRIVATE_ADDRESS"
  | "HTTP_STATUS"
  | "INVALID_ANSWER"
  | "INVALID_FILE"
  | "CIRCUIT_OPEN"
  | "NETWORK"
  | "PROCESS_EXIT"
  | "COMMAND_NOT_FOUND"
  | "IMAGE_UNAVAILABLE"
  | "OUT_OF_MEMORY"
  | "UNSCHEDULABLE"
  | "EVICTED"
  | "PREEMPTED"
  | "NODE_LOST"
  | "JOB_LOST"
  | "OUTPUT_LOST"
  | "SUBSCRIPTION_OWNED"
  | "SOURCE_UNAVAILABLE"
  | "SQL_FAILED"
  // HTTP API
  | "BAD_REQUEST"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "PAYLOAD_TOO_LARGE"
  | "REQUEST_TIMEOUT"
  | "TOO_MANY_STREAMS"
  | "INTERNAL";

const MARK: unique symbol = Symbol.for("sluice.error") as never;

/** The one class of errors that sluice throws. Tell them apart by `code`, never by message. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  /** Where it happened and what belongs to it: names, paths, positions. Never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SluiceError";
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, MARK, { value: true });
  }
}

/** Whether `error` is a SluiceError, of any copy of this package; with `code`, whether it is that one. */
export function isSluiceError(error: unknown, code?: ErrorCode): error is SluiceError {
  return hasMark(error, MARK) && (code === undefined || (error as SluiceError).code === code);
}

/** Anything can be thrown, even a Proxy that throws when it is looked at: such a thing has no mark. */
function hasMark(error: unknown, mark: symbol): boolean {
  try {
    return typeof error === "object" && error !== null && mark in error;
  } catch {
    return false;
  }
}

const PERMANENT: unique symbol = Symbol.for("sluice.permanent") as never;
const RETRY_AFTER: unique symbol = Symbol.for("sluice.retryAfter") as never;
const POSTPONED: unique symbol = Symbol.for("sluice.postponed") as never;

/** Thrown by a process to say: trying again cannot help. The run is made `dead` at once. */
export class PermanentError extends Error {
  readonly code: string;
  /** Asks for the process to be paused as well: what it works on is gone for every run. Defaults to `false`. */
  readonly pauseProcess: boolean;
  constructor(
    message: string,
    options: { cause?: unknown; code?: ErrorCode | (string & {}); pauseProcess?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PermanentError";
    this.code = options.code ?? "RUN_FAILED";
    this.pauseProcess = options.pauseProcess ?? false;
    Object.defineProperty(this, PERMANENT, { value: true });
  }
}

/** Thrown by a process to say when to try again, instead of the back-off's own delay. */
export class RetryAfter extends Error {
  /** Milliseconds from now. */
  readonly delay: number;
  readonly code: string;
  constructor(
    message: string,
    options: { delay: number; cause?: unknown; code?: ErrorCode | (string & {}) },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RetryAfter";
    this.delay = options.delay;
    this.code = options.code ?? "RUN_FAILED";
    Object.defineProperty(this, RETRY_AFTER, { value: true });
  }
}

/**
 * Thrown by a process to say: not now, and not for what this run is: something that it needs is out of order (a host
 * that is down, a cluster without room). It is tried again after `delay` and costs no attempt, up to `limit` times;
 * from then on it is what it extends, which costs one.
 */
export class Postponed extends RetryAfter {
  /** How often one run may be postponed, 1000 at most. Defaults to 100. */
  readonly limit: number;
  /**
   * Keeps the whole process from starting runs until `delay` is over, since every run needs what is out of order: so
   * a backlog is not taken just to be postponed. Defaults to `false`.
   */
  readonly holdProcess: boolean;
  constructor(
    message: string,
    options: {
      delay: number;
      limit?: number;
      holdProcess?: boolean;
      cause?: unknown;
      code?: ErrorCode | (string & {});
    },
  ) {
    super(message, options);
    this.name = "Postponed";
    this.limit = options.limit ?? 100;
    this.holdProcess = options.holdProcess ?? false;
    Object.defineProperty(this, POSTPONED, { value: true });
  }
}

export function isPermanentError(error: unknown): error is PermanentError {
  return hasMark(error, PERMANENT);
}

export function isRetryAfter(error: unknown): error is RetryAfter {
  return hasMark(error, RETRY_AFTER);
}

export function isPostponed(error: unknown): error is Postponed {
  return hasMark(error, POSTPONED);
}

/** What is kept of an error: a code to group by and a message to read. */
export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
}

/** Longest error message and code that are kept, in characters. */
const MESSAGE_LIMIT = 4_000;
const CODE_LIMIT = 100;

/** Makes a record of anything that was thrown, even of what throws when it is looked at. */
export function toErrorRecord(error: unknown): ErrorRecord {
  try {
    if (typeof error !== "object" || error === null) {
      return { code: "RUN_FAILED", message: clip(String(error)) };
    }
    const { code, message } = error as { code?: unknown; message?: unknown };
    return {
      code: typeof code === "string" && code !== "" ? code.slice(0, CODE_LIMIT) : "RUN_FAILED",
      message: clip(typeof message === "string" && message !== "" ? message : describe(error)),
    };
  } catch {
    return { code: "RUN_FAILED", message: "something was thrown that cannot be read" };
  }
}

function describe(error: object): string {
  return error instanceof Error ? error.name : `thrown: ${JSON.stringify(error)}`;
}

function clip(text: string): string {
  return text.length <= MESSAGE_LIMIT ? text : `${text.slice(0, MESSAGE_LIMIT)}…`;
}
