import {
  PermanentError,
  SluiceError,
  isPermanentError,
  isSluiceError,
  type ErrorCode,
} from "../model/errors.ts";

/** An error as `pg` raises it: from the server with an SQLSTATE of five characters, from the network with a name. */
interface DriverError extends Error {
  readonly code?: string;
  readonly detail?: string;
  readonly severity?: string;
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The error code that the server gave, if it was the server that refused. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, severity } = error as DriverError;
  return typeof code === "string" && typeof severity === "string" && SQLSTATE.test(code) ? code : undefined;
}

/**
 * Whether the connection is gone or was never there, rather than a statement refused: classes 08 (connection),
 * 53 (resources), 57P (shutdown, terminated), and all that the network or the driver says.
 */
export function isConnectionError(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return error instanceof Error && !isSluiceError(error) && !isPermanentError(error);
  return /^(?:08|53|57P|28|3D)/.test(state);
}

/** Data exceptions, constraint violations, and statements that are wrong themselves: the same again ends the same. */
export function isPermanentState(state: string | undefined): boolean {
  return state !== undefined && /^(?:22|23|42)/.test(state);
}

/** What the server or the network said, on one line, with every occurrence of a password masked. */
export function describeError(error: unknown, password = ""): string {
  const { message, detail } = error as Partial<DriverError>;
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined)?.message : undefined;
  const text = [message || inner || String(error), detail].filter(Boolean).join(": ");
  const state = sqlState(error);
  return mask(state === undefined ? text : `${text} (SQLSTATE ${state})`, password);
}

function mask(text: string, password: string): string {
  return password === "" ? text : text.replaceAll(password, "***");
}

/**
 * The error of a process whose statement or connection failed: permanent if trying again cannot help. Errors of
 * ours, and of the caller's code, pass through.
 */
export function toProcessError(error: unknown, where: string, password = ""): unknown {
  if (isSluiceError(error) || isPermanentError(error)) return error;
  const state = sqlState(error);
  const message = `${where}: ${describeError(error, password)}`;
  if (isPermanentState(state)) return new PermanentError(message, { code: "SQL_FAILED", cause: error });
  const code: ErrorCode = isConnectionError(error) ? "NETWORK" : "SQL_FAILED";
  return new SluiceError(code, message, { cause: error, details: state === undefined ? {} : { state } });
}
