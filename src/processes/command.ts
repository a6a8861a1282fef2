import { resolve } from "node:path";
import { z } from "zod";
import { childEnvironment } from "../child/environment.ts";
import { findExecutable } from "../child/executable.ts";
import { endChildrenOf } from "../child/leftovers.ts";
import { createTail, limitOutput } from "../child/lines.ts";
import { withCauseOption } from "../child/postgres-options.ts";
import { ownMark } from "../child/proc.ts";
import { runChild, type ChildExit } from "../child/run.ts";
import type { Process } from "../model/component.ts";
import { checkedBy } from "../model/checked-by.ts";
import { parseDuration, type Duration } from "../model/duration.ts";
import { PermanentError, SluiceError } from "../model/errors.ts";
import { formatEvent } from "../model/event.ts";
import { defineProcess, type ProcessKind, type Surroundings } from "../model/kind.ts";
import { createMask } from "../model/mask.ts";
import type { LogStream } from "../model/run.ts";

const withoutNul = z.string().refine((text) => !text.includes("\0"), "must not hold a NUL character");

/** Options of the `command` process. */
export interface CommandProcessOptions {
  /** The program and its arguments. No shell interprets them. */
  readonly argv: readonly string[];
  /** Working directory, relative to the config file's folder. Defaults to that folder (in code: the working directory). */
  readonly cwd?: string | undefined;
  /** Environment variables, besides PATH, HOME, the locale and what sluice sets. Defaults to none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Names the run as the cause of what the command changes in PostgreSQL, through PGOPTIONS, which psql and all of
   * libpq read: what is there already is kept. Poolers may refuse it. Defaults to `false`.
   */
  readonly pgoptions?: boolean | undefined;
  /** Time between SIGTERM and SIGKILL when the command must end. Defaults to 5s. */
  readonly killAfter?: Duration | undefined;
  /** Exit codes after which trying again cannot help: 1 to 255. Defaults to none. */
  readonly permanentExitCodes?: readonly number[] | undefined;
  /** Lines of output that are kept. Defaults to 10,000. */
  readonly maxLines?: number | undefined;
  /** Characters of output that are kept. Defaults to 500,000. */
  readonly maxCharacters?: number | undefined;
}

interface Options {
  readonly argv: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly pgoptions: boolean;
  readonly killAfter: Duration;
  readonly permanentExitCodes: readonly number[];
  readonly maxLines: number;
  readonly maxCharacters: number;
}

const options: z.ZodType<Options, CommandProcessOptions> = z.strictObject({
  argv: z
    .array(withoutNul)
    .min(1)
    .refine(([command]) => command !== "", "must begin with the name or path of a program")
    .describe("The program and its arguments. No shell interprets them."),
  cwd: withoutNul
    .optional()
    .describe("Working directory, relative to the config file's folder. Defaults to that folder."),
  env: z
    .record(z.string().regex(/^[^=\0]+$/, "is not a name of a variable"), withoutNul)
    .default({})
    .describe(
      "Environment variables, besides PATH, HOME, the locale and what sluice sets. Defaults to none.",
    ),
  pgoptions: z
    .boolean()
    .default(false)
    .describe(
      "Names the run as the cause of what it changes in PostgreSQL, through PGOPTIONS. Defaults to false.",
    ),
  killAfter: z
    .union([z.string(), z.number()])
    .check(checkedBy<Duration>(parseDuration))
    .default("5s")
    .describe("Time between SIGTERM and SIGKILL when the command must end. Defaults to 5s."),
  permanentExitCodes: z
    .array(z.int().min(1).max(255))
    .default([])
    .describe("Exit codes after which trying again cannot help. Defaults to none."),
  maxLines: z.int().min(0).default(10_000).describe("Lines of output that are kept. Defaults to 10000."),
  maxCharacters: z
    .int()
    .min(0)
    .default(500_000)
    .describe("Characters of output that are kept. Defaults to 500000."),
});

const LONGEST_LINE = 7_500;
/** Last lines of standard error that an error tells. */
const TAIL = 5;

/**
 * Runs a program for each event, which it finds as JSON on its standard input. Exit code 0 is success. When the attempt
 * must end, the program and all that it started get SIGTERM, then SIGKILL. Standard output and error go to the run's log.
 */
export const commandProcess: ProcessKind<CommandProcessOptions, Options, unknown> = defineProcess({
  type: "command",
  summary: "Runs a program for each event, which is JSON on its standard input.",
  options,
  secrets: ["env"],
  runsCode: true,
  create: createCommandProcess,
  async check({ argv, cwd, env }, { directory }) {
    findExecutable(argv[0] ?? "", resolve(directory, cwd ?? "."), env["PATH"] ?? process.env["PATH"] ?? "");
  },
});

function createCommandProcess(name: string, given: Options, surroundings: Surroundings): Process {
  const directory = resolve(surroundings.directory, given.cwd ?? ".");
  const killAfter = parseDuration(given.killAfter);
  const limits = { lines: given.maxLines, characters: given.maxCharacters };
  const mask = createMask(Object.values(given.env));

  return {
    name,
    type: "command",
    async open({ journalId, epoch, log }) {
      const ended = await endChildrenOf({ journalId, epoch, grace: killAfter });
      if (ended.length > 0) {
        const pids = ended.map(({ pid }) => pid);
        log.warn({ process: name, pids }, "ended child processes that an earlier owner of the journal left");
      }
    },
    async run(event, context) {
      const { run, attempt, fence, traceparent, signal, clock } = context;
      signal.throwIfAborted();
      const identity = {
        run: run.id,
        attempt,
        fence,
        event: event.uid,
        traceparent,
        journal: context.journalId,
        owner: ownMark(),
      };
      const env = childEnvironment(identity, given.env);
      const log = limitOutput(limits, (line, stream: LogStream) => context.log(line, stream));
      const tail = createTail(TAIL);
      const exit = await runChild({
        argv: given.argv,
        directory,
        env: given.pgoptions ? withCauseOption(env, run.id) : env,
        input: formatEvent(event),
        signal,
        killAfter,
        clock,
        longestLine: LONGEST_LINE,
        onLine(line, stream) {
          const masked = mask(line);
          if (stream === "stderr") tail.push(masked);
          log(masked, stream);
        },
      });
      if (exit.leftovers) context.log("the command left processes behind, which were ended");
      signal.throwIfAborted();
      judge(exit, given, tail.lines);
    },
  };
}

/** Throws what an exit means for the run, unless it means success. */
function judge(
  { code, signal }: ChildExit,
  { argv, permanentExitCodes }: Options,
  tail: readonly string[],
): void {
  if (code === 0) return;
  const how = code === null ? `was ended by ${signal ?? "a signal"}` : `ended with exit code ${code}`;
  const message = [`${JSON.stringify(argv[0])} ${how}`, ...tail].join("\n");
  if (code !== null && permanentExitCodes.includes(code)) {
    throw new PermanentError(message, { code: "PROCESS_EXIT" });
  }
  throw new SluiceError("PROCESS_EXIT", message, { details: { exitCode: code, signal } });
}
