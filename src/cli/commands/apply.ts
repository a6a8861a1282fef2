import type { Command } from "commander";
import { SluiceError } from "../../model/errors.ts";
import type { AppliedPlan, PipelinePlan } from "../../model/pipeline-plan.ts";
import type { PipelineRow } from "../../client/index.ts";
import type { Client } from "../client.ts";
import { withClient, withTarget } from "../connect.ts";
import { hint, print, printJson } from "../output.ts";
import { readProposal, targetOf, type ProposalOptions } from "../proposal.ts";
import { showPlan } from "../show-plan.ts";

interface Options extends ProposalOptions {
  readonly drain?: boolean;
  readonly cancel?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  $ sluice apply
  $ sluice apply orders.toml --drain
  $ sluice apply --rollback

What does not change goes on untouched. Runs that have begun end as they began; queued and retried ones run the new
version. If anything of it is invalid or cannot be opened, the pipeline stays wholly as it is.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("[file]", "the config file (default: sluice.toml)")
    .option("--drain", "processes that go finish their open runs first")
    .option("--cancel", "open runs of processes that go are cancelled")
    .option("--rollback [version]", "go back to a version (default: the one before)")
    .option("--json", 'print {"version":…,"changed":…,"plan":…,"leaving":[…]}')
    .addHelpText("after", HELP)
    .action((file: string | undefined, options: Options) =>
      withClient(targetOf(file, options), async (client) => {
        const open = readOpen(options);
        const proposal = await readProposal(file, options, client);
        const { version } = await client.post<PipelinePlan>("pipeline/plan", proposal);
        // What was changed by another meanwhile is not overwritten.
        const headers = { "if-match": `"${version}"` };
        const body = { ...proposal, ...(open && { open }) };
        const applied = await client.put<AppliedPlan>("pipeline", body, headers);
        if (options.json === true) printJson(applied);
        else report(applied);
        await warnOfFile(client, applied);
      }),
    );
}

function readOpen({ drain, cancel }: Options): "drain" | "cancel" | undefined {
  if (drain === true && cancel === true) {
    throw new SluiceError("INVALID_OPTIONS", "say --drain or --cancel, not both");
  }
  if (drain === true) return "drain";
  return cancel === true ? "cancel" : undefined;
}

function report({ version, changed, plan, leaving }: AppliedPlan): void {
  showPlan(plan);
  if (!changed) return;
  print(`version ${version} runs`);
  if (leaving.length > 0) hint(`still finishing: ${leaving.join(", ")}`);
}

/** What was applied from elsewhere is gone at the next start, unless the file leaves it to the API. */
async function warnOfFile(client: Client, { changed }: AppliedPlan): Promise<void> {
  if (!changed) return;
  const { managedBy } = await client.get<PipelineRow>("pipeline");
  if (managedBy === "file")
    hint("the pipeline's own file is read again at its next start: keep in it what is to last");
}
