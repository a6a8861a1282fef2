import type { DatabaseSync } from "node:sqlite";
import type { ControlResult } from "../../work.ts";
import type { PlainError } from "../failure.ts";
import type { FlatRuns, ResolvedRetention } from "../layout.ts";
import type { Counters } from "./counters.ts";
import type { Statements } from "./statements.ts";

/** What the parts of the writer share while a batch is applied. */
export interface Transaction {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  readonly counters: Counters;
  readonly retention: ResolvedRetention;
  readonly path: string;
  readonly now: number;
  /** Names by id, and back. */
  readonly names: Map<number, string>;
  readonly ids: Map<string, number>;
  /** Runs that have strikes: settling clears them. Few. */
  readonly strikes: Set<number>;
  readonly effects: Effects;
}

/** What is told to the main thread once the transaction is kept. */
export interface Effects {
  readonly skipped: number[];
  readonly duplicates: (number | string)[];
  readonly waiting: number[];
  readonly stale: number[];
  readonly promoted: FlatRuns;
  readonly controls: (readonly [number, readonly ControlResult[]])[];
  readonly reopened: number[];
  readonly ended: number[];
  readonly failed: (readonly [number, PlainError])[];
  /** Which commit is being applied; -1 for none. */
  commit: number;
  /** The highest number of an event. */
  lastSeq: number;
  /** Events that were appended: pruning keeps pace with them. */
  appended: number;
}

export function createEffects(): Effects {
  return {
    skipped: [],
    duplicates: [],
    waiting: [],
    stale: [],
    promoted: [],
    controls: [],
    reopened: [],
    ended: [],
    failed: [],
    commit: -1,
    lastSeq: 0,
    appended: 0,
  };
}

/** A row as an array; see `StatementSync.setReturnArrays`. */
export type Row = (string | number | null | Uint8Array)[];
