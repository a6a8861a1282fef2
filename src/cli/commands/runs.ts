import type { Command } from "commander";
import type { Page } from "../../journal/history.ts";
import type { RunRow } from "../../model/run.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { hint, print, printJson, stateCell, table, type Cell } from "../output.ts";
import { clip } from "../text.ts";
import { localTime } from "../time.ts";

interface Options extends Target {
  readonly state?: string;
  readonly process?: string;
  readonly event?: string;
  readonly limit?: string;
  readonly cursor?: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  withTarget(command)
    .option("--state <state>", "queued, waiting, running, retrying, succeeded, dead or cancelled")
    .option("--process <name>", "only of this process")
    .option("--event <uid>", "only of this event")
    .option("--limit <n>", "1 to 1000 (default: 50)")
    .option("--cursor <cursor>", "where the last page ended")
    .option("--json", 'print {"items":[…],"next":…}')
    .addHelpText("after", "\nExample:\n  $ sluice runs --state dead --process enrich --limit 10\n")
    .action((options: Options) =>
      withClient(options, async (client) => {
        const { state, process, event, limit, cursor } = options;
        const page = await client.get<Page<RunRow>>("runs", { state, process, event, limit, cursor });
        if (options.json === true) return printJson(page);
        print(table(["RUN", "STATE", "ATTEMPTS", "STARTED", "FINISHED", "ERROR"], page.items.map(cells)));
        if (page.next !== null) hint(`more: --cursor ${page.next}`);
      }),
    );
}

function cells({ id, state, attempts, startedAt, finishedAt, error }: RunRow): readonly Cell[] {
  return [
    id,
    stateCell(state),
    attempts,
    localTime(startedAt),
    localTime(finishedAt),
    error === null ? "" : clip(`${error.code} ${error.message}`, 80),
  ];
}
