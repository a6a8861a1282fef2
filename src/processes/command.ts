import { z } from "zod";
import { childEnvironment } from "../child/environment.ts";
import { exitError } from "../child/exit.ts";
import { jobShape, type Job, type JobOptions } from "../child/job-options.ts";
import { endChildrenOf } from "../child/leftovers.ts";
import { createTail, limitOutput } from "../child/lines.ts";
import { JobOutput, tellProgress } from "../child/output.ts";
import { withCauseOption } from "../child/postgres-options.ts";
import { ownMark } from "../child/proc.ts";
import { checkProgram, launchOf, programShape, type Program, type ProgramOptions } from "../child/program.ts";
import { runChild, type ChildExit, type ChildOptions } from "../child/run.ts";
import type { Process, RunContext } from "../model/component.ts";
import { parseDuration } from "../model/duration.ts";
import { SluiceError } from "../model/errors.ts";
import { formatEvent } from "../model/event.ts";
import { defineProcess, type ProcessKind, type Surroundings } from "../model/kind.ts";
import { createMask } from "../model/mask.ts";
import type { LogStream } from "../model/run.ts";

/** Options of the `command` process. */
export interface CommandProcessOptions extends ProgramOptions, JobOptions {
  /**
   * Where it writes the events that it emits, a JSON object a line: on its file descriptor 3, or on standard output,
   * which is not logged then. They are emitted together with the run's success. Defaults to `"none"`.
   */
  readonly output?: "none" | "fd3" | "stdout" | undefined;
  /**
   * Names the run as the cause of what the command changes in PostgreSQL, through PGOPTIONS, which psql and all of
   * libpq read: what is there already is kept. Poolers may refuse it. Defaults to `false`.
   */
  readonly pgoptions?: boolean | undefined;
}

interface Options extends Program, Job {
  readonly output: "none" | "fd3" | "stdout";
  readonly pgoptions: boolean;
}

const options: z.ZodType<Options, CommandProcessOptions> = z.strictObject({
  ...programShape,
  output: z
    .enum(["none", "fd3", "stdout"])
    .default("none")
    .describe("Where it writes the events that it emits, a JSON object a line. Defaults to none."),
  pgoptions: z
    .boolean()
    .default(false)
    .describe(
      "Names the run as the cause of what it changes in PostgreSQL, through PGOPTIONS. Defaults to false.",
    ),
  ...jobShape,
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
  async check(given, { directory }) {
    checkProgram(given, directory);
  },
});

function createCommandProcess(name: string, given: Options, surroundings: Surroundings): Process {
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
      const output = outputOf(given, context, mask);
      const exit = await runChild({
        ...launchOf(
          given,
          surroundings.directory,
          given.pgoptions ? withCauseOption(env, run.id, traceparent) : env,
        ),
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
        output,
      });
      if (exit.leftovers) context.log("the command left processes behind, which were ended");
      signal.throwIfAborted();
      judge(exit, given, tail.lines);
      output?.emit(context);
    },
  };
}

function outputOf(
  { output }: Options,
  context: RunContext,
  mask: (text: string) => string,
): (NonNullable<ChildOptions["output"]> & Pick<JobOutput, "emit">) | undefined {
  if (output === "none") return undefined;
  const reader = new JobOutput({
    where: output === "fd3" ? "its output (file descriptor 3)" : "its standard output",
    onProgress: tellProgress(context, mask),
  });
  return {
    from: output,
    push: (bytes) => reader.push(bytes),
    emit: (to) => reader.emit(to),
  };
}

/** Throws what an exit means for the run, unless it means success. */
function judge(
  { code, signal }: ChildExit,
  { argv, permanentExitCodes }: Options,
  tail: readonly string[],
): void {
  if (code === 0) return;
  const what = JSON.stringify(argv[0]);
  if (code !== null) throw exitError(what, code, { permanentExitCodes, tail, details: { signal } });
  const limit = signal === "SIGXCPU" ? ": it used all the processor time of limits.cpu" : "";
  const message = [`${what} was ended by ${signal ?? "a signal"}${limit}`, ...tail].join("\n");
  throw new SluiceError("PROCESS_EXIT", message, { details: { exitCode: code, signal } });
}
