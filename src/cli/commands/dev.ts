import type { Command } from "commander";
import { DEFAULT_FILE } from "../locate.ts";

interface Options {
  readonly json?: boolean;
}

const HELP = `
Example:
  $ sluice dev orders.toml

Runs the pipeline, and starts it anew in a new process whenever a file of its folder is saved (code, SQL or config), so that changed
modules are really new; what was queued goes on. Prints where the page is. While the file is wrong it says why, and waits.
`;

export function configure(command: Command): void {
  command
    .argument("[file]", "the config file", DEFAULT_FILE)
    .option("--json", 'print {"ready":true,"http":…} at every start; the log stays JSON')
    .addHelpText("after", HELP)
    .action(async (file: string, { json }: Options) => {
      const { develop } = await import("../develop.ts");
      await develop(file, json === true);
    });
}
