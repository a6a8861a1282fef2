import type { Command } from "commander";
import type { EventRow, Page } from "../../journal/history.ts";
import { withClient, withTarget } from "../connect.ts";
import { eventFilterOf, withEventFilter, type EventFilterOptions } from "../event-filter.ts";
import type { Target } from "../locate.ts";
import { hint, print, printJson, table } from "../output.ts";
import { toSafeJson, clip } from "../text.ts";
import { localTime } from "../time.ts";

interface Options extends Target, EventFilterOptions {
  readonly limit?: string;
  readonly cursor?: string;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  withEventFilter(withTarget(command))
    .option("--limit <n>", "1 to 1000 (default: 50)")
    .option("--cursor <cursor>", "where the last page ended")
    .option("--json", 'print {"items":[…],"next":…}')
    .addHelpText("after", "\nExample:\n  $ sluice events --input orders --limit 10\n")
    .action((options: Options) =>
      withClient(options, async (client) => {
        const { limit, cursor } = options;
        const { input: trigger, ...filter } = eventFilterOf(options);
        const page = await client.get<Page<EventRow>>("events", { trigger, ...filter, limit, cursor });
        if (options.json === true) return printJson(page);
        print(table(["TIME", "UID", "INPUT", "OPERATION", "RECORD", "DATA"], page.items.map(cells)));
        if (page.next !== null) hint(`more: --cursor ${page.next}`);
      }),
    );
}

function cells(event: EventRow): readonly string[] {
  const { time, uid, trigger, operation, location, id, data } = event;
  return [
    localTime(time),
    uid,
    trigger,
    operation,
    clip(`${location}/${id}`, 40),
    data === undefined ? "" : clip(toSafeJson(data), 60),
  ];
}
