import type { Command } from "commander";
import type { PipelineInput } from "../../config/pipeline.ts";
import { SluiceError } from "../../model/errors.ts";
import { didYouMean } from "../../model/suggest.ts";
import { DEFAULT_FILE } from "../locate.ts";
import { hint, printJson } from "../output.ts";
import { harmless } from "../text.ts";

interface Options {
  readonly config: string;
  readonly json?: boolean;
}

const HELP = `
Stop the pipeline first. Of a postgres input: its triggers, functions and outbox, with the changes that wait there, or
its replication slot and publication. To keep the input for later, stop the pipeline and leave it at that.

Example:
  $ sluice uninstall raw_orders
`;

export function configure(command: Command): void {
  command
    .argument("<input>", "the input's name")
    .option("--config <file>", "the config file", DEFAULT_FILE)
    .option("--json", 'print {"input":…,"uninstalled":true}')
    .addHelpText("after", HELP)
    .action(async (name: string, { config, json }: Options) => {
      const { load } = await import("../load.ts");
      const pipeline = await load(config);
      const { made } = find(pipeline.inputs, name);
      if (made?.kind.uninstall === undefined) {
        throw new SluiceError("INVALID_OPTIONS", `input "${name}" leaves nothing in its source`);
      }
      await made.kind.uninstall(made.options as never, { name, pipeline: pipeline.name });
      if (json === true) printJson({ input: name, uninstalled: true });
      else hint(`${harmless(name)}: nothing of it is left in its source`);
    });
}

function find(inputs: readonly PipelineInput[], name: string): PipelineInput {
  const found = inputs.find((input) => input.name === name);
  if (found !== undefined) return found;
  const names = inputs.map((input) => input.name);
  throw new SluiceError("INVALID_OPTIONS", `there is no input "${name}"${didYouMean(name, names)}`);
}
