import type { Command } from "commander";
import type { Page } from "../../journal/history.ts";
import type { PipelinePlan, VersionRow } from "../../model/pipeline-plan.ts";
import type { Client } from "../client.ts";
import { withClient, withTarget } from "../connect.ts";
import { hint, print, printJson, table } from "../output.ts";
import { readProposal, targetOf, type ProposalOptions } from "../proposal.ts";
import { showPlan } from "../show-plan.ts";

interface Options extends ProposalOptions {
  readonly versions?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  $ sluice plan
  $ sluice plan --rollback 7
  $ sluice plan --versions

Shows which inputs, processes and links FILE would add (+), remove (-) and change (~) in the running pipeline, which
inputs restart, and how many runs are open on what goes away. Changes nothing. Exit code 2: FILE is invalid.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("[file]", "the config file (default: sluice.toml)")
    .option("--rollback [version]", "what going back to a version would do (default: the one before)")
    .option("--versions", "list the versions that the journal keeps instead")
    .option("--json", "print the plan, or the versions, as JSON")
    .addHelpText("after", HELP)
    .action((file: string | undefined, options: Options) =>
      withClient(targetOf(file, options), async (client) => {
        if (options.versions === true) return showVersions(client, options.json === true);
        const plan = await client.post<PipelinePlan>(
          "pipeline/plan",
          await readProposal(file, options, client),
        );
        if (options.json === true) return printJson(plan);
        showPlan(plan);
        for (const name of plan.undecided) {
          hint(`process ${name} has open runs: apply with --drain to finish, or --cancel to cancel them`);
        }
      }),
    );
}

async function showVersions(client: Client, asJson: boolean): Promise<void> {
  const { items } = await client.get<Page<VersionRow>>("pipeline/versions");
  if (asJson) return printJson({ items });
  const rows = items.map(({ version, at, by, how, current }) => [
    current ? `${version} (runs)` : version,
    at,
    by,
    how,
  ]);
  print(table(["VERSION", "SINCE", "BY", "HOW"], rows));
}
