import type { Command } from "commander";
import type { RunOutcome } from "../../engine/handles.ts";
import { SluiceError } from "../../model/errors.ts";
import type { Client } from "../client.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { hint, print, printJson } from "../output.ts";
import { eachRun } from "../outcomes.ts";
import { plural } from "../text.ts";

interface Options extends Target {
  readonly state?: string;
  readonly process?: string;
  readonly event?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  $ sluice replay 0193c0de-0000-7000-8000-000000000001/enrich
  $ sluice replay --state dead --process enrich --dry-run

A dead or cancelled run is reopened under its id; one that succeeded gets a new run.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("[run...]", "ids of runs")
    .option("--state <state>", "instead of ids: all runs that are dead, cancelled or succeeded")
    .option("--process <name>", "with --state: only of this process")
    .option("--event <uid>", "with --state: only of this event")
    .option("--dry-run", "with --state: count them, and replay none")
    .option("--json", 'print {"matched":…,"replayed":…}')
    .addHelpText("after", EXAMPLES)
    .action(async (runs: readonly string[], options: Options) => {
      checkUsage(runs, options);
      await withClient(options, (client) =>
        runs.length > 0 ? replayRuns(client, runs, options) : replayMatching(client, options),
      );
    });
}

function checkUsage(runs: readonly string[], { state, process, event, dryRun }: Options): void {
  if (runs.length > 0) {
    if (state ?? process ?? event ?? dryRun) {
      throw new SluiceError("INVALID_OPTIONS", "give ids of runs, or --state with its filters, but not both");
    }
    return;
  }
  if (state === undefined) {
    throw new SluiceError("INVALID_OPTIONS", "say which runs: their ids, or --state dead");
  }
}

async function replayRuns(client: Client, runs: readonly string[], { json }: Options): Promise<void> {
  const outcomes = await eachRun(client, runs, "replay");
  const replayed = outcomes.filter((outcome) => outcome.ok);
  if (json === true) printJson({ matched: runs.length, replayed: replayed.length, runs: outcomes });
  else for (const outcome of replayed) print(describe(outcome));
}

function describe({ id, run = id }: RunOutcome): string {
  return run === id ? `${id} was reopened` : `${id} is replayed by ${run}`;
}

async function replayMatching(client: Client, options: Options): Promise<void> {
  const { state, process, event, dryRun = false } = options;
  const filter = { state, process, event };
  const counts = await client.post<{ matched: number; replayed: number }>("runs/replay", { filter, dryRun });
  if (options.json === true) return printJson(counts);
  const matched = plural(counts.matched, "run");
  if (!dryRun) return print(`${counts.replayed} of ${matched} replayed`);
  print(`${matched} would be replayed`);
  if (counts.matched > 0) hint("leave --dry-run away to replay");
}
