import type { Command } from "commander";
import type { InputRow, ProcessRow } from "../engine/rows.ts";
import { SluiceError } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";
import type { Client } from "./client.ts";
import { withClient, withTarget } from "./connect.ts";
import type { Target } from "./locate.ts";
import { print, printJson } from "./output.ts";

interface Options extends Target {
  readonly json?: boolean;
}

/** `pause` and `resume`, which differ in nothing else. */
export function configureSwitch(command: Command, action: "pause" | "resume"): void {
  withTarget(command)
    .argument("<name>", "an input or process")
    .option("--json", "print it as JSON")
    .addHelpText("after", `\nExample:\n  $ sluice ${action} enrich\n\nLasts over restarts of the pipeline.\n`)
    .action((name: string, options: Options) =>
      withClient(options, async (client) => {
        const kind = await kindOf(client, name);
        const row = await client.post<InputRow | ProcessRow>(`${kind}/${encodeURIComponent(name)}/${action}`);
        if (options.json === true) printJson(row);
        else print(`${name} is ${action}d`);
      }),
    );
}

/** @throws SluiceError UNKNOWN_NAME */
async function kindOf(client: Client, name: string): Promise<"inputs" | "processes"> {
  const known: string[] = [];
  for (const kind of ["inputs", "processes"] as const) {
    const { items } = await client.get<{ items: readonly { name: string }[] }>(kind);
    const names = items.map((item) => item.name);
    if (names.includes(name)) return kind;
    known.push(...names);
  }
  throw new SluiceError(
    "UNKNOWN_NAME",
    `there is no input or process ${JSON.stringify(name)}${didYouMean(name, known)}`,
  );
}
