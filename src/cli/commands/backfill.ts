import type { Command } from "commander";
import type { BackfillReport } from "../../model/survey.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { print, printJson } from "../output.ts";
import { countOf, runSurvey } from "../survey.ts";
import { harmless } from "../text.ts";

interface Options extends Target {
  readonly table?: string;
  readonly where?: string;
  readonly rate?: string;
  readonly restart?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  $ sluice backfill raw_orders --rate 500/s
  $ sluice backfill raw_orders --table raw.orders --where "created_at >= date '2026-01-01'"

Emits the rows that are there, as the operation "read", beside what the input tells of changes. Ctrl-C ends it; the
same command goes on where it ended. A stopped pipeline takes the events in, and works on them when it runs.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("<input>", "the input whose source is read")
    .option("--table <table>", "only this table (default: all of the input's)")
    .option("--where <condition>", "only rows for which this SQL is true")
    .option("--rate <rate>", "most rows in a time, such as 500/s (default: no limit)")
    .option("--restart", "begin anew, not where the last one was cut off")
    .option("--json", 'print {"tables":…}')
    .addHelpText("after", HELP)
    .action((input: string, options: Options) =>
      withClient(options, async (client) => {
        const { table, where, rate, restart } = options;
        const report = await runSurvey<BackfillReport>(
          client,
          `inputs/${encodeURIComponent(input)}/backfill`,
          { table, where, rate, restart },
        );
        if (options.json === true) return printJson(report);
        for (const one of report.tables) print(describe(one));
      }),
    );
}

function describe({ table, rows, emitted, overtaken, resumed }: BackfillReport["tables"][number]): string {
  const more = [
    ...(resumed ? [`resumed, ${countOf(emitted)} of them now`] : []),
    ...(overtaken > 0 ? [`${countOf(overtaken)} left out: they changed meanwhile`] : []),
  ];
  const note = more.length === 0 ? "" : ` (${more.join("; ")})`;
  return `${harmless(table)}: ${countOf(rows)} rows${note}`;
}
