import type { ErrorRecord } from "./errors.ts";
import type { RunState } from "./run.ts";

/** What the engine tells an input about itself, so that an alert can be an event like any other. */
export interface EngineView {
  inputs(): readonly ViewedInput[];
  processes(): Promise<readonly ViewedProcess[]>;
  /** Dead runs by process and error, as `GET /api/v1/dead-letters` groups them. */
  deadLetters(): Promise<readonly ViewedDeaths[]>;
  graph(): {
    readonly nodes: readonly { readonly name: string; readonly role: string; readonly type: string }[];
    readonly edges: readonly { readonly from: string; readonly to: string }[];
  };
  /** Whether the journal can be written. */
  health(): { readonly ok: true } | { readonly ok: false; readonly error: Error };
}

/** The slice of an input's row that is of interest. */
export interface ViewedInput {
  readonly name: string;
  readonly state: string;
  readonly silent: boolean;
  /** ISO 8601; `null` since the start. */
  readonly lastEventAt: string | null;
  readonly lastError: ErrorRecord | null;
}

/** The slice of a process's row that is of interest. */
export interface ViewedProcess {
  readonly name: string;
  readonly state: string;
  readonly lastError: ErrorRecord | null;
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
}

/** A group of dead runs. */
export interface ViewedDeaths {
  readonly fingerprint: string;
  readonly process: string;
  readonly error: ErrorRecord;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Ids of runs, newest first. */
  readonly samples: readonly string[];
}
