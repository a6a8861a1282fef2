import { Option, type Command } from "commander";
import { GRAPH_FORMATS, renderGraph, type GraphFormat } from "../../topology/render.ts";
import { DEFAULT_FILE } from "../locate.ts";
import { print } from "../output.ts";

interface Options {
  readonly format: GraphFormat;
  readonly json?: boolean;
}

const EXAMPLE = `
Examples:
  $ sluice graph --format svg > pipeline.svg
  $ sluice graph --format dot | dot -Tpng > pipeline.png
`;

export function configure(command: Command): void {
  command
    .argument("[file]", "the config file", DEFAULT_FILE)
    .addOption(new Option("--format <format>", "how to write it").choices(GRAPH_FORMATS).default("mermaid"))
    .option("--json", "the same as --format json")
    .addHelpText("after", EXAMPLE)
    .action(async (file: string, { format, json }: Options) => {
      const { load } = await import("../load.ts");
      const { topology } = await load(file);
      print(renderGraph(topology.graph(), json === true ? "json" : format).trimEnd());
    });
}
