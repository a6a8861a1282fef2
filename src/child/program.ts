import { resolve } from "node:path";
import { z } from "zod";
import type { Duration } from "../model/duration.ts";
import { isSluiceError, PermanentError } from "../model/errors.ts";
import { durationOption, sizeOption } from "../options/amounts.ts";
import type { Shape } from "../options/shape.ts";
import { findExecutable } from "./executable.ts";
import { environmentOption, textOption, wordsOption } from "./job-options.ts";
import { withLimits, type ProgramLimits } from "./limits.ts";
import { findUser, USER, type UserIdentity } from "./user.ts";

// What every kind that runs a program on this machine lets its user say of it.

export interface ProgramOptions {
  /** The program and its arguments. No shell interprets them. */
  readonly argv: readonly string[];
  /** Working directory, relative to the config file's folder. Defaults to that folder (in code: the working directory). */
  readonly cwd?: string | undefined;
  /** Environment variables, besides PATH, HOME, the locale and what sluice sets. Defaults to none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** As whom it runs: a user's name or uid, or `user:group`. Needs root. Defaults to sluice's own user. */
  readonly user?: string | undefined;
  /** What it may use at the most; needs `prlimit` of util-linux. Defaults to no limits. */
  readonly limits?: ProgramLimits | undefined;
  /** Time between SIGTERM and SIGKILL when the program must end. Defaults to 5s. */
  readonly killAfter?: Duration | undefined;
}

export interface Program {
  readonly argv: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string | undefined;
  readonly limits?: ProgramLimits | undefined;
  readonly killAfter: Duration;
}

/** The shape of those options, to be spread into a kind's own. */
export const programShape: Shape<ProgramOptions, Program> = {
  argv: wordsOption
    .refine(([command]) => command !== "", "must begin with the name or path of a program")
    .describe("The program and its arguments. No shell interprets them."),
  cwd: textOption
    .optional()
    .describe("Working directory, relative to the config file's folder. Defaults to that folder."),
  env: environmentOption
    .default({})
    .describe(
      "Environment variables, besides PATH, HOME, the locale and what sluice sets. Defaults to none.",
    ),
  user: z
    .string()
    .regex(USER, "must be a user's name or uid, or user:group")
    .optional()
    .describe("As whom it runs: a user's name or uid, or user:group. Needs root. Defaults to sluice's own."),
  limits: z
    .strictObject({
      memory: sizeOption.optional().describe("Most address space of each of its processes."),
      cpu: durationOption
        .optional()
        .describe("Most processor time of each of its processes, in whole seconds."),
      processes: z
        .int()
        .min(1)
        .optional()
        .describe("Most processes and threads of its user, those of others counted; root is exempt."),
      files: z.int().min(3).optional().describe("Most files that each of its processes may have open."),
    })
    .optional()
    .describe("What it may use at the most; needs prlimit of util-linux. Defaults to no limits."),
  killAfter: durationOption
    .default("5s")
    .describe("Time between SIGTERM and SIGKILL when the program must end. Defaults to 5s."),
};

/** What is needed to start a program. */
export interface Launch {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly identity: UserIdentity | undefined;
}

/**
 * How a program is to be started.
 *
 * @param env its whole environment
 * @throws PermanentError COMMAND_NOT_FOUND, INVALID_OPTIONS or MISSING_DEPENDENCY if it cannot be started as it is told
 */
export function launchOf(
  { argv, cwd, user, limits }: Program,
  base: string,
  env: Readonly<Record<string, string>>,
): Launch {
  const directory = resolve(base, cwd ?? ".");
  return forGood(() => {
    const identity = user === undefined ? undefined : findUser(user);
    return {
      argv: limits === undefined ? argv : withLimits(limits, argv, directory, env["PATH"] ?? ""),
      directory,
      env: identity === undefined ? env : asUser(identity, env),
      identity,
    };
  });
}

/** Looks whether a program is there, and can be started as it is told. @throws SluiceError */
export function checkProgram({ argv, cwd, env, user, limits }: Program, base: string): void {
  const directory = resolve(base, cwd ?? ".");
  const path = env["PATH"] ?? process.env["PATH"] ?? "";
  findExecutable(argv[0] ?? "", directory, path);
  if (user !== undefined) findUser(user);
  if (limits !== undefined) withLimits(limits, argv, directory, path);
}

/** Ours would be another's home. */
function asUser(
  { name, home }: UserIdentity,
  { HOME: _home, USER: _user, LOGNAME: _logname, ...env }: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ...env,
    ...(home !== undefined && { HOME: home }),
    ...(name !== undefined && { USER: name, LOGNAME: name }),
  };
}

/** What is wrong with the machine or the options will be wrong the next time too. */
function forGood<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (cause) {
    if (!isSluiceError(cause)) throw cause;
    throw new PermanentError(cause.message, { cause, code: cause.code });
  }
}
