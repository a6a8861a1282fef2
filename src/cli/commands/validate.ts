import type { Command } from "commander";
import { configIssues } from "../../config/issue.ts";
import type { Pipeline, PipelineInput, PipelineProcess } from "../../config/pipeline.ts";
import { toErrorRecord, type ErrorRecord } from "../../model/errors.ts";
import { EXIT } from "../command.ts";
import { DEFAULT_FILE } from "../locate.ts";
import { hint, print, printJson } from "../output.ts";
import { harmless, plural } from "../text.ts";

interface Options {
  readonly connect?: boolean;
  readonly json?: boolean;
}

/** Whether what a component talks to is as it must be. */
interface Connection {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: ErrorRecord;
}

const HELP = `
Example:
  $ sluice validate orders.toml --connect

Checks names, options, references, modules, links and cycles. Says FILE:LINE:COL: CODE message for all that is wrong.
`;

export function configure(command: Command): void {
  command
    .argument("[file]", "the config file", DEFAULT_FILE)
    .option("--connect", "also look whether databases and services answer")
    .option("--json", 'print {"valid":…}')
    .addHelpText("after", HELP)
    .action(async (file: string, options: Options) => {
      const pipeline = await read(file, options.json === true);
      const connections = options.connect === true ? await connectAll(pipeline) : undefined;
      if (connections?.some((connection) => !connection.ok)) process.exitCode = EXIT.failed;
      report(pipeline, connections, options.json === true);
    });
}

async function read(file: string, asJson: boolean): Promise<Pipeline> {
  const { load } = await import("../load.ts");
  try {
    return await load(file);
  } catch (error) {
    if (asJson) printJson({ valid: false, issues: configIssues(error) ?? [toErrorRecord(error)] });
    throw error;
  }
}

async function connectAll(pipeline: Pipeline): Promise<readonly Connection[]> {
  const components = [...pipeline.inputs, ...pipeline.processes];
  const connections = await Promise.all(components.map((component) => connect(component, pipeline)));
  return connections.flat();
}

async function connect(
  { name, made }: PipelineInput | PipelineProcess,
  { directory, redact }: Pipeline,
): Promise<readonly Connection[]> {
  if (made?.kind.check === undefined) return [];
  try {
    await made.kind.check(made.options as never, { directory });
    return [{ name, ok: true }];
  } catch (error) {
    const { code, message } = toErrorRecord(error);
    return [{ name, ok: false, error: { code, message: redact(message) } }];
  }
}

function report(pipeline: Pipeline, connections: readonly Connection[] | undefined, asJson: boolean): void {
  const { file, name, inputs, processes, links, warnings } = pipeline;
  if (asJson) {
    const counts = { inputs: inputs.length, processes: processes.length, links: links.length };
    printJson({ valid: true, name, ...counts, warnings, ...(connections && { connections }) });
  } else {
    const counts = [
      plural(inputs.length, "input"),
      plural(processes.length, "process", "processes"),
      plural(links.length, "link"),
    ];
    print(`${harmless(file)} is valid: ${counts.join(", ")}`);
  }
  for (const { name: component, ok, error } of connections ?? []) {
    if (error !== undefined) hint(`error: ${error.code} ${component}: ${harmless(error.message)}`);
    else if (ok && !asJson) print(`${component} is reached`);
  }
}
