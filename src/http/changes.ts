import { SluiceError } from "../model/errors.ts";
import type {
  ApplyOptions,
  AppliedPlan,
  PipelinePlan,
  Proposal,
  VersionDetail,
  VersionRow,
} from "../model/pipeline-plan.ts";
import type { ApiPipeline } from "./pipeline.ts";

/** What the API needs to make a pipeline another one. */
export interface ApiChanges {
  /** The version that runs. */
  readonly version: number;
  readonly managedBy: "file" | "api";
  /** What runs, secrets masked. */
  config(): unknown;
  plan(proposal: Proposal, options: Pick<ApplyOptions, "isOwner">): Promise<PipelinePlan>;
  apply(proposal: Proposal, options: ApplyOptions): Promise<AppliedPlan>;
  versions(): readonly VersionRow[];
  versionOf(version: number): Promise<VersionDetail>;
}

/** The part of a call that says whether the pipeline may be changed by it. */
interface Asking {
  readonly changes: ApiChanges | undefined;
  readonly isOwner: boolean;
  readonly allowsChanges: boolean;
}

/** Whether who calls by this way may change the pipeline, as an admin. */
export function mayChange({ changes, isOwner, allowsChanges }: Asking): boolean {
  if (changes === undefined) return false;
  return isOwner || (allowsChanges && changes.managedBy === "api");
}

/** @throws SluiceError NOT_RUNNING for a stopped pipeline, FORBIDDEN for one that was made in code */
export function requireChanges({
  changes,
  pipeline,
}: Pick<Asking, "changes"> & { readonly pipeline: ApiPipeline }): ApiChanges {
  if (changes !== undefined) return changes;
  if (pipeline.state === "stopped") {
    throw new SluiceError(
      "NOT_RUNNING",
      'the pipeline is stopped: it reads its file when "sluice run" starts it',
    );
  }
  throw new SluiceError("FORBIDDEN", "the API may not change this pipeline: it was made in code");
}

/** @throws SluiceError FORBIDDEN, saying what would allow it */
export function requireMayChange(asking: Asking): void {
  if (mayChange(asking)) return;
  const needs =
    asking.changes?.managedBy === "api"
      ? "changes = true in [http]"
      : 'managed_by = "api" at the top of its file, and changes = true in [http]';
  throw new SluiceError(
    "FORBIDDEN",
    `the API may not change this pipeline; that needs ${needs}. "sluice apply" where it runs may do it`,
  );
}
