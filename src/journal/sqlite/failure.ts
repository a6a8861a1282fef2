import { SluiceError, isSluiceError, type ErrorCode } from "../../model/errors.ts";

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const CODES: Readonly<Record<number, ErrorCode>> = {
  11: "JOURNAL_DAMAGED", // CORRUPT
  26: "JOURNAL_DAMAGED", // NOTADB
  13: "JOURNAL_FULL", // FULL
  10: "JOURNAL_IO", // IOERR
};

const ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  JOURNAL_DAMAGED: "the file is damaged: stop, keep a copy of it, and restore a backup",
  JOURNAL_FULL: "there is no space left: free some, and work goes on by itself",
  JOURNAL_IO: "the disk refused to read or write: look at the system's log",
};

/** What the file system says before any disk is asked. */
const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder: make the folder first, or correct the path",
  ENOTDIR: "a part of the path is a file, not a folder: correct the path",
  EACCES: "this user may not read or write there: change its rights, or the path",
  EPERM: "this user may not read or write there: change its rights, or the path",
  EROFS: "the file system is read-only: choose another one",
};

/** Anything that SQLite or the file system threw, as an error of ours that says what to do. */
export function toJournalError(error: unknown, path: string): SluiceError {
  if (isSluiceError(error)) return error;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string };
  const primary = typeof errcode === "number" ? errcode & 0xff : 0;
  const space = code === "ENOSPC" || code === "EDQUOT";
  const kind = space
    ? "JOURNAL_FULL"
    : isUnreadable(error)
      ? "JOURNAL_DAMAGED"
      : (CODES[primary] ?? "JOURNAL_IO");
  return new SluiceError(
    kind,
    `journal ${path}: ${message ?? String(error)}; ${REFUSALS[code ?? ""] ?? ADVICE[kind]}`,
    {
      cause: error,
      details: { path, ...(typeof errcode === "number" && { errcode }) },
    },
  );
}

/** What our own statements meet only if the schema is not the one that we wrote. */
const OTHER_SCHEMA = /^(?:no such |near "|malformed |unrecognized token|table \S+ has )/;

/** A row that is not of the types that it was written with: text where a number stood, JSON that is none. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError) return true;
  const { errcode, message } = error as { errcode?: number; message?: string };
  return errcode === 1 && OTHER_SCHEMA.test(message ?? "");
}

/** Too big, a constraint, a type: what a value brings about, and no disk. */
const OF_VALUES: ReadonlySet<number> = new Set([18, 19, 20, 25]);

/** Whether an error lies in what one commit wants to write, so that the others need not fail with it. */
export function isOfOneCommit(error: unknown): boolean {
  if (isSluiceError(error)) return false;
  const { errcode } = error as { errcode?: number };
  return errcode === undefined || OF_VALUES.has(errcode & 0xff);
}

/** Two rows with one key (PRIMARYKEY, UNIQUE, ROWID): keys are given by the journal, so no sender can mend it. */
const KEY_TAKEN: ReadonlySet<number> = new Set([1555, 2067, 2579]);

export function unwritable(error: unknown): PlainError {
  const { errcode } = error as { errcode?: number };
  return {
    // A sender that is told that its event is invalid throws it away.
    code: errcode !== undefined && KEY_TAKEN.has(errcode) ? "JOURNAL_IO" : "INVALID_EVENT",
    message: `the journal cannot write this: ${(error as Error).message}`,
    details: {},
  };
}

/** An error in a form that crosses threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function toPlainError(error: unknown, path: string): PlainError {
  const { code, message, details } = toJournalError(error, path);
  return { code, message, details };
}

export function fromPlainError({ code, message, details }: PlainError): SluiceError {
  return new SluiceError(code, message, { details: { ...details } });
}
