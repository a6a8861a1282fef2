import { Option, type Command } from "commander";
import { DEFAULT_FILE } from "../locate.ts";

interface Options {
  readonly json?: boolean;
  readonly withParent?: boolean;
}

const HELP = `
Example:
  $ sluice run orders.toml

Serves the API and webhooks as [http] and [hooks] of the file say, and the owner's socket beside the journal, which
the other commands use. Logs to stderr. SIGTERM and SIGINT stop it within the grace time; a second one at once.
`;

export function configure(command: Command): void {
  command
    .argument("[file]", "the config file", DEFAULT_FILE)
    .option("--json", 'print {"ready":true,"http":…} once it runs')
    .addOption(new Option("--with-parent", "stop once whoever started it is gone").hideHelp())
    .addHelpText("after", HELP)
    .action(async (file: string, options: Options) => {
      const { runPipeline } = await import("../run-pipeline.ts");
      await runPipeline(file, { json: options.json === true, withParent: options.withParent === true });
    });
}
