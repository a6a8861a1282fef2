import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Argument, type Command } from "commander";
import type { Pipeline } from "../../config/pipeline.ts";
import { formatOf } from "../../config/source.ts";
import { SluiceError } from "../../model/errors.ts";
import { checkName } from "../../model/name.ts";
import { DEFAULT_FILE } from "../locate.ts";
import { print, printJson } from "../output.ts";
import { inputFiles, makeFiles, processFiles } from "../scaffold.ts";

interface Options {
  readonly config: string;
  readonly on?: string;
  readonly json?: boolean;
}

type Role = "input" | "process";

const HELP = `
Examples:
  $ sluice create input sensors
  $ sluice create process enrich --on orders

Writes a module with a function to fill in, and a test of it, and adds the component to the config file. A process
takes the events of the only input there is, unless --on says whose.
`;

export function configure(command: Command): void {
  command
    .addArgument(new Argument("<role>", "what it is").choices(["input", "process"]))
    .argument("<name>", "its name")
    .option("--on <name>", "for a process: the input or process whose events it takes")
    .option("--config <file>", "the pipeline's config file", DEFAULT_FILE)
    .option("--json", 'print {"module":…,"config":…}')
    .addHelpText("after", HELP)
    .action(async (role: Role, name: string, options: Options) => {
      const module = await create(role, name, options);
      if (options.json === true) return printJson({ module, config: options.config });
      print(`${module} is written, and ${options.config} names it`);
    });
}

async function create(role: Role, name: string, { config, on }: Options): Promise<string> {
  checkName(name, `the ${role}`);
  if (formatOf(config) !== "toml") {
    throw new SluiceError("INVALID_OPTIONS", `${config} is no TOML; add the component there by hand`);
  }
  if (role === "input" && on !== undefined) {
    throw new SluiceError("INVALID_OPTIONS", "--on is for processes: an input takes nobody's events");
  }
  const { load } = await import("../load.ts");
  const pipeline = await load(config);
  const source = role === "process" ? (on ?? onlyInput(pipeline)) : undefined;
  const files = role === "input" ? inputFiles(name) : processFiles(name);
  const path = files[0]?.path ?? "";
  const folder = dirname(config);
  const before = await readFile(config, "utf8");
  await makeFiles(folder, files);
  try {
    await writeFile(config, `${before.trimEnd()}\n\n${tableOf(role, name, path, source)}`);
    await load(config);
  } catch (error) {
    // A name that is taken, or nobody of the name of --on: nothing is left changed.
    await writeFile(config, before);
    for (const file of files) await rm(join(folder, file.path));
    throw error;
  }
  return join(folder, path);
}

function onlyInput({ inputs }: Pipeline): string | undefined {
  return inputs.length === 1 ? inputs[0]?.name : undefined;
}

function tableOf(role: Role, name: string, path: string, on: string | undefined): string {
  const lines = [
    `[[${role}]]`,
    `name = ${JSON.stringify(name)}`,
    'type = "function"',
    `module = "./${path}"`,
  ];
  if (on !== undefined) lines.push(`on = ${JSON.stringify(on)}`);
  return `${lines.join("\n")}\n`;
}
