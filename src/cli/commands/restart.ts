import type { Command } from "commander";
import type { InputRow } from "../../engine/rows.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { print, printJson } from "../output.ts";

interface Options extends Target {
  readonly json?: boolean;
}

const HELP = `
Example:
  $ sluice restart raw_orders

A failed or finished input is started, too. Its events and the runs of them are left as they are.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("<input>", "an input")
    .option("--json", "print its row as JSON")
    .addHelpText("after", HELP)
    .action((name: string, options: Options) =>
      withClient(options, async (client) => {
        const row = await client.post<InputRow>(`inputs/${encodeURIComponent(name)}/restart`);
        if (options.json === true) printJson(row);
        else print(`${name} is started anew`);
      }),
    );
}
