import { configIssues, formatIssue } from "../config/issue.ts";
import { isSluiceError, type ErrorCode } from "../model/errors.ts";
import { EXIT, type ExitCode } from "./command.ts";
import { harmless } from "./text.ts";

/** What whoever typed the command, or wrote the file, can mend. */
const INVALID: ReadonlySet<ErrorCode> = new Set([
  "INVALID_EVENT",
  "INVALID_OPERATION",
  "INVALID_NAME",
  "INVALID_OPTIONS",
  "INVALID_DURATION",
  "INVALID_QUERY",
  "INVALID_EXPRESSION",
  "DUPLICATE_NAME",
  "DUPLICATE_LINK",
  "UNKNOWN_NAME",
  "SELF_LINK",
  "CYCLE",
  "CONFIG_SYNTAX",
  "CONFIG_NOT_FOUND",
  "UNKNOWN_KEY",
  "UNKNOWN_TYPE",
  "UNSET_REFERENCE",
  "INSECURE_LISTENER",
  "HOOK_PATH",
  "MODULE_NOT_FOUND",
  "MISSING_DEPENDENCY",
  "BAD_REQUEST",
]);

export function exitCodeOf(error: unknown): ExitCode {
  if (configIssues(error) !== undefined) return EXIT.invalid;
  if (!isSluiceError(error)) return EXIT.failed;
  if (error.code === "NOTHING_TO_TALK_TO" || error.code === "NOT_RUNNING") return EXIT.nothingToTalkTo;
  return INVALID.has(error.code) ? EXIT.invalid : EXIT.failed;
}

/** Says on stderr what went wrong: `FILE:LINE:COL: CODE message` where a file is to blame. */
export function reportFailure(error: unknown, redact: (text: string) => string = (text) => text): ExitCode {
  process.stderr.write(redact(describe(error)));
  return exitCodeOf(error);
}

function describe(error: unknown): string {
  const issues = configIssues(error);
  if (issues !== undefined) return issues.map((issue) => `${formatIssue(issue)}\n`).join("");
  if (isSluiceError(error)) return `error: ${error.code} ${harmless(error.message)}\n`;
  // Not foreseen: whoever mends it needs to see where it was.
  return `error: INTERNAL ${error instanceof Error ? (error.stack ?? error.message) : harmless(String(error))}\n`;
}
