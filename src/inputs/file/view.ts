import type { Ledger } from "./ledger.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Place } from "./place.ts";

/** What the ways to read a file know of the whole that they are a part of. */
export interface FileView {
  readonly options: ResolvedOptions;
  readonly place: Place;
  readonly ledger: Ledger;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Whether what is in the file is told; not for what was there at the very first start. */
  isTold(location: string): boolean;
  now(): number;
  /** Counts and logs what is left out. */
  skipped(error: Error): void;
  /** Resolves with milliseconds after which to look again, if that is needed. Rejects with what the journal refuses. */
  at(location: string): Promise<number | undefined>;
}
