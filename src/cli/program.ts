import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { EXIT, type CommandModule, type ExitCode } from "./command.ts";
import type { CompletedCommand } from "./completion.ts";

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** What there is, in the order of the help. A command's own file is only loaded when it is asked for. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  init: { summary: "make a first pipeline in a folder", load: () => import("./commands/init.ts") },
  create: {
    summary: "add an input or a process, with a module to fill in",
    load: () => import("./commands/create.ts"),
  },
  dev: {
    summary: "run a pipeline, and start it anew when a file is saved",
    load: () => import("./commands/dev.ts"),
  },
  run: { summary: "run a pipeline until SIGTERM or SIGINT", load: () => import("./commands/run.ts") },
  doctor: {
    summary: "look for what keeps a pipeline from running well, and say the cure",
    load: () => import("./commands/doctor.ts"),
  },
  validate: { summary: "check a config file", load: () => import("./commands/validate.ts") },
  plan: {
    summary: "show what a changed config file would do to the running pipeline",
    load: () => import("./commands/plan.ts"),
  },
  apply: {
    summary: "make the running pipeline what a config file says",
    load: () => import("./commands/apply.ts"),
  },
  graph: { summary: "draw the pipeline of a config file", load: () => import("./commands/graph.ts") },
  status: { summary: "tell how a pipeline is", load: () => import("./commands/status.ts") },
  emit: { summary: "emit an event in the name of an input", load: () => import("./commands/emit.ts") },
  events: { summary: "list events, newest first", load: () => import("./commands/events.ts") },
  runs: { summary: "list runs, newest first", load: () => import("./commands/runs.ts") },
  show: { summary: "show an event's journey, or a run", load: () => import("./commands/show.ts") },
  logs: { summary: "print what a run logged", load: () => import("./commands/logs.ts") },
  replay: {
    summary: "run again what is dead, cancelled or done",
    load: () => import("./commands/replay.ts"),
  },
  tail: { summary: "show events and runs as they happen", load: () => import("./commands/tail.ts") },
  cancel: { summary: "cancel runs", load: () => import("./commands/cancel.ts") },
  pause: { summary: "pause an input or process", load: () => import("./commands/pause.ts") },
  resume: { summary: "resume an input or process", load: () => import("./commands/resume.ts") },
  restart: { summary: "start an input anew", load: () => import("./commands/restart.ts") },
  forget: {
    summary: "blank what all events of a key carry, for good",
    load: () => import("./commands/forget.ts"),
  },
  backup: { summary: "copy a journal, also while it is written", load: () => import("./commands/backup.ts") },
  backfill: {
    summary: "emit what is in an input's source already",
    load: () => import("./commands/backfill.ts"),
  },
  audit: {
    summary: "compare an input's source with what was seen of it",
    load: () => import("./commands/audit.ts"),
  },
  uninstall: {
    summary: "remove what an input left in its source",
    load: () => import("./commands/uninstall.ts"),
  },
  schema: { summary: "print the JSON Schema of config files", load: () => import("./commands/schema.ts") },
  completion: {
    summary: "print a shell's completion of commands and options",
    load: () => import("./commands/completion.ts"),
  },
};

const EXAMPLES = `
Examples:
  $ sluice validate && sluice run
  $ sluice emit orders --id 42 --data '{"total": 99.5}'
  $ sluice runs --state dead
  $ sluice replay --state dead --process enrich --dry-run

Exit codes: 0 done, 1 failed, 2 invalid input or config, 3 nothing to talk to.
`;

/** Runs the command line. Never throws; answers the exit code. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  leaveQuietlyWhenNobodyReads();
  try {
    const program = createProgram();
    await loadCommand(program, argv);
    await program.parseAsync(argv, { from: "user" });
    return (process.exitCode as ExitCode | undefined) ?? EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.invalid;
    const { reportFailure } = await import("./failure.ts");
    return reportFailure(error);
  }
}

function createProgram(): Command {
  const program = new Command("sluice")
    .description("Orchestrates and supervises event-driven data pipelines.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help of a command")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) });
  for (const [name, { summary }] of Object.entries(COMMANDS)) {
    program.command(name).summary(summary).description(capitalize(summary)).allowExcessArguments(false);
  }
  return program;
}

/** Only the command that was asked for, so that `--version` and errors are quick. */
async function loadCommand(program: Command, argv: readonly string[]): Promise<void> {
  const words = argv.filter((word) => !word.startsWith("-"));
  const name = words[0] === "help" ? words[1] : words[0];
  const entry = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const command = program.commands.find((candidate) => candidate.name() === name);
  if (entry !== undefined && command !== undefined) (await entry.load()).configure(command, describeCommands);
}

/** All commands with their options: what a shell completes. */
async function describeCommands(): Promise<readonly CompletedCommand[]> {
  const program = createProgram();
  const described = program.commands.map(async (command) => {
    await COMMANDS[command.name()]?.load().then((module) => module.configure(command, describeCommands));
    return {
      name: command.name(),
      summary: command.summary(),
      options: command.options.flatMap(({ long, hidden }) => (hidden ? [] : (long ?? []))),
      takesFile: command.registeredArguments.some((argument) => argument.name() === "file"),
    };
  });
  return Promise.all(described);
}

function capitalize(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** `sluice runs | head` ends without an error, as other tools do. */
function leaveQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
    });
  }
}
