import type { Command } from "commander";
import { configIssues, formatIssue } from "../../config/issue.ts";
import { loadPipeline } from "../../config/load.ts";
import type { Pipeline } from "../../config/pipeline.ts";
import { SluiceError, toErrorRecord } from "../../model/errors.ts";
import { EXIT } from "../command.ts";
import { failed, ok, warning, type Finding } from "../doctor/finding.ts";
import { DEFAULT_FILE } from "../locate.ts";
import { colours, print, printJson } from "../output.ts";
import { harmless, harmlessLines } from "../text.ts";

interface Options {
  readonly timeout: string;
  readonly json?: boolean;
}

/** Seconds: a timer takes no more than 24 days, and nobody waits for so long. */
const LONGEST = 3_600;

const HELP = `
Example:
  $ sluice doctor orders.toml --timeout 3

Looks at Node, the clock, the disk under the journal (does a sync work, how much is free), all of the journal, the
ports, and whether each database, broker, module, command or engine that the file names is there. Says of each finding
what to do. Exit code 1 if something failed, 2 if the file is invalid.
`;

export function configure(command: Command): void {
  command
    .argument("[file]", "the config file", DEFAULT_FILE)
    .option("--timeout <seconds>", "for each connection", "10")
    .option("--json", 'print {"ok":…,"findings":[…]}')
    .addHelpText("after", HELP)
    .action(async (file: string, { timeout, json }: Options) => {
      const findings = await examine(file, readTimeout(timeout));
      const isWell = findings.every(({ level }) => level !== "failed");
      if (json === true) printJson({ ok: isWell, findings });
      else for (const finding of findings) show(finding);
      if (!isWell) process.exitCode ??= EXIT.failed;
    });
}

/** @throws SluiceError INVALID_OPTIONS */
function readTimeout(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= LONGEST) return seconds * 1_000;
  const given = JSON.stringify(text);
  throw new SluiceError(
    "INVALID_OPTIONS",
    `--timeout takes a number of seconds up to ${LONGEST}, not ${given}`,
  );
}

async function examine(file: string, timeout: number): Promise<readonly Finding[]> {
  const machine = await import("../doctor/machine.ts");
  const config = await read(file);
  const { pipeline } = config;
  const journal = pipeline?.journal.startsWith("sqlite:")
    ? pipeline.journal.slice("sqlite:".length)
    : undefined;
  if (pipeline === undefined) {
    return [machine.checkNode(), machine.checkClock(undefined), ...config.findings];
  }
  const { checkComponents, checkJournal, checkPorts } = await import("../doctor/pipeline.ts");
  const { checkObservers } = await import("../doctor/observers.ts");
  const kept =
    journal === undefined
      ? {
          findings: [ok("journal", "in memory: nothing outlives the process")],
          isRunning: false,
          newest: undefined,
        }
      : await checkJournal(journal);
  const disk = journal === undefined ? [] : await machine.checkDisk(journal);
  return [
    machine.checkNode(),
    machine.checkClock(kept.newest),
    ...config.findings,
    ...disk,
    ...kept.findings,
    ...(await checkPorts(pipeline, kept.isRunning)),
    ...(await checkComponents(pipeline, timeout)),
    ...(await checkObservers(pipeline)),
  ];
}

interface Config {
  readonly findings: readonly Finding[];
  readonly pipeline?: Pipeline;
}

/** A file that is wrong is a finding, too: the machine is looked at all the same. */
async function read(file: string): Promise<Config> {
  const { registry } = await import("../load.ts");
  try {
    const pipeline = await loadPipeline(file, { registry });
    const findings = pipeline.warnings.map((issue) => warning("config", formatIssue(issue)));
    return { findings: [ok("config", `${file} is valid`), ...findings], pipeline };
  } catch (error) {
    process.exitCode = EXIT.invalid;
    const issues = configIssues(error)?.map(formatIssue) ?? [toErrorRecord(error).message];
    const cure = "mend the file; `sluice validate` says all that is wrong";
    return { findings: [failed("config", issues.join("\n"), cure)] };
  }
}

const MARKS: Readonly<Record<Finding["level"], string>> = {
  ok: colours.green("ok     "),
  warning: colours.yellow("warning"),
  failed: colours.red("failed "),
};

const INDENT = " ".repeat(9);

function show({ check, level, message, cure }: Finding): void {
  print(`${MARKS[level]}  ${colours.bold(harmless(check))}: ${harmlessLines(message).join(`\n${INDENT}`)}`);
  if (cure !== undefined) print(`${INDENT}→ ${harmless(cure)}`);
}
