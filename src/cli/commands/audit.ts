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
  readonly repair?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  $ sluice audit raw_orders --where "created_at > now() - interval '1 day'"
  $ sluice audit raw_orders --repair

Looks for rows of which the journal has no event. It forgets events after its retention (7 days): ask only for rows
that are younger. Exit code 1 if something is missing and was not repaired.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("<input>", "the input whose source is compared")
    .option("--table <table>", "only this table (default: all of the input's)")
    .option("--where <condition>", "only rows for which this SQL is true")
    .option("--repair", 'emit what is missing, as the operation "read"')
    .option("--json", 'print {"tables":…,"missing":…,"repaired":…}')
    .addHelpText("after", HELP)
    .action((input: string, options: Options) =>
      withClient(options, async (client) => {
        const { table, where, repair } = options;
        const path = `inputs/${encodeURIComponent(input)}/audit`;
        const report = await runSurvey<AuditReport>(client, path, { table, where, repair });
        if (report.missing > report.repaired) process.exitCode = EXIT.failed;
        if (options.json === true) return printJson(report);
        for (const one of report.tables) print(describe(one));
      }),
    );
}

function describe(report: AuditReport["tables"][number]): string {
  const { table, rows, seen, pending, missing, repaired, samples } = report;
  const parts = [
    `${countOf(rows)} rows`,
    `${countOf(seen)} seen`,
    ...(pending > 0 ? [`${countOf(pending)} on their way`] : []),
    `${countOf(missing)} missing`,
    ...(repaired > 0 ? [`${countOf(repaired)} repaired`] : []),
  ];
  const more = missing > samples.length ? ", …" : "";
  const which = samples.length === 0 ? "" : ` (${samples.map(harmless).join(", ")}${more})`;
  return `${harmless(table)}: ${parts.join(", ")}${which}`;
}
