import type { Command } from "commander";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { print, printJson } from "../output.ts";
import { eachRun } from "../outcomes.ts";

interface Options extends Target {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  withTarget(command)
    .argument("<run...>", "ids of runs")
    .option("--json", 'print {"cancelled":…,"runs":[…]}')
    .addHelpText("after", "\nExample:\n  $ sluice cancel 0193c0de-0000-7000-8000-000000000001/enrich\n")
    .action((runs: readonly string[], options: Options) =>
      withClient(options, async (client) => {
        const outcomes = await eachRun(client, runs, "cancel");
        const cancelled = outcomes.filter((outcome) => outcome.ok);
        if (options.json === true) printJson({ cancelled: cancelled.length, runs: outcomes });
        else for (const { id } of cancelled) print(`${id} is cancelled`);
      }),
    );
}
