import type { Input, Process } from "../model/component.ts";
import type { SluiceError } from "../model/errors.ts";
import type { LinkSpec } from "../topology/types.ts";
import type { Operation } from "../model/operation.ts";

/** What `addInput` answers: to be linked, typed by what the input's events carry. */
export interface InputHandle<Data = unknown> {
  readonly name: string;
  readonly role: "input";
  /** Only for the compiler: what its events carry. */
  readonly carries?: () => Data;
}

/** What `addProcess` answers: to be linked, typed by the data that it takes and that it emits. */
export interface ProcessHandle<Data = unknown, Emits = unknown> {
  readonly name: string;
  readonly role: "process";
  /** Only for the compiler: what it takes. */
  readonly takes?: (data: Data) => void;
  /** Only for the compiler: what the events that it emits carry. */
  readonly carries?: () => Emits;
}

/** An input that answers HTTP requests, and where. */
export interface Hook {
  readonly name: string;
  readonly path: string;
  readonly fetch: (request: Request) => Promise<Response>;
}

/** Which runs a bulk replay is for. Says at least one thing. */
export interface ReplayFilter {
  /** Defaults to `dead`. */
  readonly state?: "dead" | "cancelled" | "succeeded";
  readonly process?: string;
  /** An event's uid. */
  readonly event?: string;
  /** Only of events of this trigger. */
  readonly input?: string;
  /** ISO 8601 with a zone, of the event: from this time on, and before that one. */
  readonly since?: string;
  readonly until?: string;
  /** Stands in the run's id or its error, in any case. */
  readonly text?: string;
  /** Of a group of dead letters. */
  readonly fingerprint?: string;
}

/** How a bulk replay goes about it. */
export interface ReplayOptions {
  /** Counts, and replays none. Defaults to false. */
  readonly dryRun?: boolean;
  /** Most runs in a time, such as `100/s`. Defaults to no limit. */
  readonly rate?: string;
}

/** Which events of the past a replay is for. Says at least one thing. */
export interface EventFilter {
  /** The input that saw them, or the process that emitted them. */
  readonly input?: string;
  readonly location?: string;
  /** The ordering key, which is `location/id` where none was said. */
  readonly key?: string;
  readonly operation?: Operation;
  /** ISO 8601 with a zone, of the event: from this time on, and before that one. */
  readonly since?: string;
  readonly until?: string;
}

/** Which events of the past go to which process, and how. */
export interface EventReplayRequest {
  readonly filter: EventFilter;
  /** The process. */
  readonly to: string;
  /** Most runs in a time, such as `100/s`. Defaults to no limit. */
  readonly rate?: string;
  /** Counts, and makes no run. Defaults to false. */
  readonly dryRun?: boolean;
  /** Events that have a run at the process, too: it is replayed. Defaults to leaving those. */
  readonly again?: boolean;
  /** Events that no link would carry to the process today, too. Defaults to leaving those. */
  readonly unlinked?: boolean;
}

/** What became of a replay of events. */
export interface EventReplayReport {
  /** Events that the filter and the links let through. */
  readonly matched: number;
  /** Runs that were made, or replayed. */
  readonly replayed: number;
  /** The first of the events, oldest first: at most five. */
  readonly samples: readonly string[];
}

/** What became of an operator's order for one run. */
export interface RunOutcome {
  readonly id: string;
  readonly ok: boolean;
  /** The run that was reopened or made. */
  readonly run?: string;
  readonly why?: "not_found" | "state";
  readonly message?: string;
}

/** What became of the wish to forget a key. */
export interface ForgetReport {
  /** Events that carry nothing any more. */
  readonly events: number;
  /** Events that were left, since a run of theirs is still open: finish or cancel it, and ask again. */
  readonly open: number;
}

/** How far a backfill, an audit or a replay is. */
export interface SurveyProgress {
  /** The table, topic… that it is at; of a replay, the process. */
  readonly location: string;
  readonly done: number;
  /** An estimate; `null` if there is none. */
  readonly total: number | null;
}

/** Who asked for a backfill, an audit or a replay. */
export interface SurveyObserver {
  /** Ends it; what it has done is kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SurveyProgress) => void;
}

export type ErrorListener = (error: SluiceError) => void;

/** What a running pipeline is to be, told by what is different. */
export interface PipelineChange {
  /** What its maker knows the changed pipeline by; part of what makes a version another one. */
  readonly revision?: string;
  /** New ones, and ones that take the place of those of the same name. */
  readonly add: { readonly inputs: readonly Input[]; readonly processes: readonly Process[] };
  /** Names of inputs and processes. */
  readonly remove: readonly string[];
  /**
   * Processes that were removed while an earlier pipeline ran, and have open runs still: nothing is routed to them, and
   * once those runs are over they are gone. With the links that lead from them, and the version that had them last.
   */
  readonly finish?: readonly {
    readonly process: Process;
    readonly links: readonly LinkSpec[];
    readonly version: number;
  }[];
  /** All links that there are afterwards, but for those. */
  readonly links: readonly LinkSpec[];
  /** What becomes of the open runs of processes that are removed. */
  readonly open?: "drain" | "cancel";
  /** What is kept in the journal together with the new version, under the pipeline's own name: all or nothing. */
  readonly state?: (version: number) => Readonly<Record<string, string | null>>;
}

/** What became of a change. */
export interface ChangeReceipt {
  /** The version that attempts record from now on. */
  readonly version: number;
  /** Resolves once all inputs and processes that were removed are gone. @throws SluiceError NOT_RUNNING, JOURNAL_IO … */
  readonly finished: Promise<void>;
}
