import type { Command } from "commander";
import type { AuditReport } from "../../model/survey.ts";
import { EXIT } from "../command.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { print, printJson } from "../output.ts";
import { countOf, runSurvey } from "../survey.ts";
import { harmless } from "../text.ts";

interface Options extends Target {
  readonly table?: string;
  readonly where?: string;
  readonly rate?: string;
  readonly data?: boolean;
  readonly repair?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  $ sluice audit raw_orders --where "created_at > now() - interval '1 day'"
  $ sluice audit raw_orders --repair
  $ sluice audit raw_orders --data --rate 5000/s

Looks for rows of which the journal has no event; with --data also for rows whose newest event carries other data than
they have now. The journal forgets events after its retention (7 days): ask only for rows that are younger. What it
may have forgotten a newer event of is unknown, and no fault. Exit code 1 if something is missing, or differs, and was
not repaired.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("<input>", "the input whose source is compared")
    .option("--table <table>", "only this table (default: all of the input's)")
    .option("--where <condition>", "only rows for which this SQL is true")
    .option("--rate <rate>", "read no faster, such as 5000/s (default: no limit)")
    .option("--data", "compare what the newest event of each row carries, too")
    .option("--repair", 'emit what is missing, as the operation "read", and what differs, as "update"')
    .option("--json", 'print {"tables":…,"missing":…,"differs":…,"repaired":…}')
    .addHelpText("after", HELP)
    .action((input: string, options: Options) =>
      withClient(options, async (client) => {
        const { table, where, rate, data, repair } = options;
        const path = `inputs/${encodeURIComponent(input)}/audit`;
        const report = await runSurvey<AuditReport>(client, path, { table, where, rate, data, repair });
        if (report.missing + report.differs > report.repaired) process.exitCode = EXIT.failed;
        if (options.json === true) return printJson(report);
        for (const one of report.tables) print(describe(one, data === true));
      }),
    );
}

function describe(report: AuditReport["tables"][number], data: boolean): string {
  const { table, rows, seen, pending, missing, differs, unknown, repaired } = report;
  const parts = [
    `${countOf(rows)} rows`,
    `${countOf(seen)} seen`,
    ...(pending > 0 ? [`${countOf(pending)} on their way`] : []),
    `${countOf(missing)} missing${sample(report.samples, missing)}`,
    ...(data ? [`${countOf(differs)} differing${sample(report.differing, differs)}`] : []),
    ...(unknown > 0 ? [`${countOf(unknown)} unknown`] : []),
    ...(repaired > 0 ? [`${countOf(repaired)} repaired`] : []),
  ];
  return `${harmless(table)}: ${parts.join(", ")}`;
}

function sample(ids: readonly string[], count: number): string {
  const more = count > ids.length ? ", …" : "";
  return ids.length === 0 ? "" : ` (${ids.map(harmless).join(", ")}${more})`;
}
