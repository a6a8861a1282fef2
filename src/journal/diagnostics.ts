import { channel, type Channel } from "node:diagnostics_channel";

/** What a journal says of itself. Nothing is built while nobody listens. */
export interface BatchWritten {
  /** The journal's file. */
  readonly path: string;
  /** Commits that went together. */
  readonly commits: number;
  /** Events, runs, outcomes and log lines. */
  readonly rows: number;
  /** Milliseconds until it was on disk. */
  readonly duration: number;
  readonly ok: boolean;
}

export const batchWritten: Channel<object, BatchWritten> = channel("sluice.journal.batch") as never;
