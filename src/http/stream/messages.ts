import type { InputRow, InputState, OrchestratorState, ProcessRow } from "../../engine/rows.ts";
import type { ErrorRecord } from "../../model/errors.ts";
import type { Operation } from "../../model/operation.ts";
import type { RunState } from "../../model/run.ts";
import type { ComponentStats } from "./tally.ts";

/** What the stream says, by the name of its event. `docs/reference/http.md` tells when. */
export interface StreamMessages {
  readonly hello: {
    readonly pipeline: string;
    readonly state: OrchestratorState;
    readonly interval: number;
    readonly resumed: boolean;
  };
  readonly stats: {
    readonly time: string;
    /** Milliseconds that it is about. */
    readonly span: number;
    readonly components: Readonly<Record<string, ComponentStats>>;
  };
  readonly rows: {
    readonly state: OrchestratorState;
    readonly openRuns: number;
    /** Whether the journal can be written. */
    readonly healthy: boolean;
    readonly inputs: readonly InputRow[];
    readonly processes: readonly ProcessRow[];
  };
  readonly runs: Sampled<RunChange>;
  readonly events: Sampled<EventTaken>;
  readonly progress: Sampled<RunProgress>;
  readonly input: { readonly name: string; readonly state: InputState; readonly error: ErrorRecord | null };
  /** With a version: it was changed, and is that one now. */
  readonly pipeline: { readonly state: OrchestratorState; readonly version?: number };
  readonly problem: ErrorRecord & { readonly time: string };
}

export interface Sampled<Item> {
  readonly items: readonly Item[];
  /** How many more there were. */
  readonly skipped: number;
}

export interface RunChange {
  readonly id: string;
  /** The event's uid. */
  readonly event: string;
  readonly process: string;
  readonly state: RunState;
  readonly attempt: number;
  /** Milliseconds; `null` while it runs. */
  readonly duration: number | null;
  readonly error: ErrorRecord | null;
  readonly time: string;
}

export interface EventTaken {
  readonly uid: string;
  readonly trigger: string;
  readonly operation: Operation;
  readonly location: string;
  readonly id: string;
  readonly time: string;
  readonly duplicate: boolean;
  readonly processes: readonly string[];
}

export interface RunProgress {
  readonly run: string;
  readonly process: string;
  readonly done: number;
  readonly total: number | null;
  readonly text: string | null;
}

export type StreamEvent = keyof StreamMessages;
