import type { Command } from "commander";
import type { Page } from "../../journal/history.ts";
import type { LogRow } from "../../model/run.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { colours, hint, print, printJson } from "../output.ts";
import { harmless, harmlessLines } from "../text.ts";
import { clockTime } from "../time.ts";

interface Options extends Target {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  withTarget(command)
    .argument("<run>", "a run's id, such as 0193c0de-…/enrich")
    .option("--json", "print each line as JSON (NDJSON)")
    .addHelpText("after", "\nExample:\n  $ sluice logs 0193c0de-0000-7000-8000-000000000001/enrich\n")
    .action((run: string, options: Options) =>
      withClient(options, async (client) => {
        const path = `runs/${encodeURIComponent(run)}/logs`;
        let cursor: string | undefined;
        let isEmpty = true;
        do {
          const page: Page<LogRow> = await client.get(path, { limit: 1_000, cursor });
          for (const row of page.items) {
            isEmpty = false;
            if (options.json === true) printJson(row);
            else printRow(row);
          }
          cursor = page.next ?? undefined;
        } while (cursor !== undefined);
        if (isEmpty) hint(`${harmless(run)} has logged nothing`);
      }),
    );
}

function printRow({ time, attempt, stream, text }: LogRow): void {
  const [first = "", ...rest] = harmlessLines(text.replace(/\r?\n$/, ""));
  const head = `${clockTime(new Date(time))} #${attempt} ${stream.padEnd(6)} `;
  print(colours.dim(head) + first);
  for (const line of rest) print(" ".repeat(head.length) + line);
}
