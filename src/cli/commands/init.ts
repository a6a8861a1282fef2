import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { hint, print, printJson } from "../output.ts";
import { firstPipeline, makeFiles, processFiles, type NewFile } from "../scaffold.ts";
import { toSafeJson } from "../text.ts";

interface Options {
  readonly json?: boolean;
}

const HELP = `
Example:
  $ sluice init shop && cd shop && sluice dev

Makes a pipeline that runs: a webhook, a function that takes its events, with a test, and the schema for your editor. Asks nothing,
and touches no file that is there already.
`;

export function configure(command: Command): void {
  command
    .argument("[dir]", "the folder, which is made if it is missing", ".")
    .option("--json", 'print {"files":[…]}')
    .addHelpText("after", HELP)
    .action(async (folder: string, { json }: Options) => {
      const files = await firstFiles(folder);
      await makeFiles(folder, files);
      const paths = files.map(({ path }) => join(folder, path));
      if (json === true) return printJson({ files: paths });
      for (const path of paths) print(path);
      const enter = folder === "." ? "" : `cd ${folder} && `;
      hint(`next: ${enter}sluice dev, and in another terminal: sluice emit orders --id 1`);
    });
}

/** The config file first: where there is one, nothing else is made. */
async function firstFiles(folder: string): Promise<readonly NewFile[]> {
  const [{ configSchema }, { registry }] = await Promise.all([
    import("../../config/json-schema.ts"),
    import("../load.ts"),
  ]);
  const ignored = existsSync(join(folder, ".gitignore"))
    ? []
    : [{ path: ".gitignore", content: ".sluice/\nnode_modules/\n" }];
  return [
    { path: "sluice.toml", content: firstPipeline(folder) },
    ...processFiles("greet"),
    { path: "sluice.schema.json", content: `${toSafeJson(await configSchema(registry), 2)}\n` },
    ...ignored,
  ];
}
