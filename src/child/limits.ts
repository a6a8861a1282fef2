import { parseDuration, type Duration } from "../model/duration.ts";
import { SluiceError } from "../model/errors.ts";
import { parseSize } from "../model/size.ts";
import { findExecutable } from "./executable.ts";

/** What a program may use at the most. Each process that it starts gets the same limits again: they are no sum. */
export interface ProgramLimits {
  /** Address space of each process (RLIMIT_AS), such as `"512MiB"`. */
  readonly memory?: string | number | undefined;
  /** Processor time of each process (RLIMIT_CPU), such as `"30s"`: whole seconds, rounded up. */
  readonly cpu?: Duration | undefined;
  /** Processes and threads of its user in all (RLIMIT_NPROC): root is exempt. */
  readonly processes?: number | undefined;
  /** Open files of each process (RLIMIT_NOFILE). */
  readonly files?: number | undefined;
}

/**
 * The command line that puts limits on itself and then becomes the program, by prlimit(1) of util-linux.
 *
 * @throws SluiceError MISSING_DEPENDENCY without it, COMMAND_NOT_FOUND without the program
 */
export function withLimits(
  limits: ProgramLimits,
  argv: readonly string[],
  directory: string,
  path: string,
): readonly string[] {
  const set = flags(limits);
  if (set.length === 0) return argv;
  const [command = "", ...rest] = argv;
  // prlimit would say it in words of its own, and as an exit code.
  const program = findExecutable(command, directory, path);
  return [findPrlimit(), ...set, "--", program, ...rest];
}

function flags({ memory, cpu, processes, files }: ProgramLimits): string[] {
  const set: string[] = [];
  if (memory !== undefined) set.push(`--as=${parseSize(memory)}`);
  if (cpu !== undefined) {
    const seconds = Math.max(1, Math.ceil(parseDuration(cpu) / 1000));
    // SIGXCPU at the first, SIGKILL at the second.
    set.push(`--cpu=${seconds}:${seconds + 1}`);
  }
  if (processes !== undefined) set.push(`--nproc=${processes}`);
  if (files !== undefined) set.push(`--nofile=${files}`);
  return set;
}

function findPrlimit(): string {
  try {
    return findExecutable("prlimit", "/", process.env["PATH"] ?? "");
  } catch (cause) {
    throw new SluiceError(
      "MISSING_DEPENDENCY",
      "limits need the program prlimit, which is not here: install util-linux (there is none outside Linux), or leave limits away",
      { cause, details: { path: ["limits"] } },
    );
  }
}
