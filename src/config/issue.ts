import { isSluiceError, SluiceError, type ErrorCode } from "../model/errors.ts";

/** A place in a file; both count from 1, columns in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with a config file. */
export interface ConfigIssue extends Position {
  /** As it was given on the command line. */
  readonly file: string;
  readonly code: ErrorCode;
  /** One line: what is wrong and what to do. Never holds the value of a reference. */
  readonly message: string;
}

/** `FILE:LINE:COL: CODE message`, always on one line. */
export function formatIssue(issue: ConfigIssue): string {
  return `${issue.file}:${issue.line}:${issue.column}: ${issue.code} ${oneLine(issue.message)}`;
}

/** Control characters would let a file write to the terminal of whoever reads its errors. */
function oneLine(text: string): string {
  return text
    .replace(/\s*\r?\n\s*/g, " ")
    .replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * All that is wrong with a file, as one error: its code is that of the first issue, its message has a line for each,
 * its `details.issues` are the issues in the order of the file.
 */
export function configError(issues: readonly ConfigIssue[], cause?: unknown): SluiceError {
  const sorted = issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return new SluiceError(sorted[0]?.code ?? "CONFIG_SYNTAX", sorted.map(formatIssue).join("\n"), {
    details: { issues: sorted },
    ...(cause !== undefined && { cause }),
  });
}

/** An error about one place of a file. */
export function fault(
  file: string,
  code: ErrorCode,
  message: string,
  position = { line: 1, column: 1 },
  cause?: unknown,
): SluiceError {
  return configError([{ file, ...position, code, message }], cause);
}

/** The issues of an error that `configError` made; `undefined` for any other. */
export function configIssues(error: unknown): readonly ConfigIssue[] | undefined {
  if (!isSluiceError(error)) return undefined;
  const { issues } = error.details;
  return Array.isArray(issues) ? (issues as ConfigIssue[]) : undefined;
}
