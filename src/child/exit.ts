import { PermanentError, SluiceError } from "../model/errors.ts";

/** EX_TEMPFAIL of sysexits.h: "try again later". */
export const TRY_AGAIN = 75;

/** What an exit code other than 0 means for a run. */
export function exitError(
  what: string,
  exitCode: number,
  {
    permanentExitCodes,
    tail,
    details = {},
  }: {
    readonly permanentExitCodes: readonly number[];
    /** The last lines that it wrote, told with it. */
    readonly tail: readonly string[];
    readonly details?: Readonly<Record<string, unknown>>;
  },
): Error {
  const message = [`${what} ended with exit code ${exitCode}`, ...tail].join("\n");
  if (exitCode !== TRY_AGAIN && permanentExitCodes.includes(exitCode)) {
    return new PermanentError(message, { code: "PROCESS_EXIT" });
  }
  return new SluiceError("PROCESS_EXIT", message, { details: { exitCode, ...details } });
}
