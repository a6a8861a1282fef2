import type { Orchestrator } from "../engine/orchestrator.ts";
import type { Journal } from "../journal/journal.ts";

/** What the API needs of a pipeline: an Orchestrator, or one that stands in for it while it is stopped. */
export type ApiPipeline = Pick<
  Orchestrator,
  | "name"
  | "state"
  | "history"
  | "inputs"
  | "processes"
  | "graph"
  | "emit"
  | "backfill"
  | "audit"
  | "pause"
  | "resume"
  | "restart"
  | "cancel"
  | "replay"
  | "replayAll"
  | "replayEvents"
  | "forget"
> & { readonly journal: ApiJournal };

/** What is told of the journal; `id` and `epoch` are `null` where nobody owns it. */
export interface ApiJournal extends Pick<Journal, "capabilities" | "health" | "openRuns"> {
  readonly id: string | null;
  readonly epoch: number | null;
}
