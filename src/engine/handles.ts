import type { SluiceError } from "../model/errors.ts";

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
  /** Of a group of dead letters. */
  readonly fingerprint?: string;
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

/** How far a backfill or an audit is. */
export interface SurveyProgress {
  /** The table, topic… that it is at. */
  readonly location: string;
  readonly done: number;
  /** An estimate; `null` if there is none. */
  readonly total: number | null;
}

/** Who asked for a backfill or an audit. */
export interface SurveyObserver {
  /** Ends it; what it has done is kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SurveyProgress) => void;
}

export type ErrorListener = (error: SluiceError) => void;
