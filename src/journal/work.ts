import type { ErrorRecord } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import type { LogStream } from "../model/run.ts";

/**
 * The durable work of a journal: what is written, and what is due.
 *
 * Rules for an implementer:
 * - `commit` is one atomic write and resolves only once it would survive the loss of power. Concurrent commits
 *   may share a transaction, but each succeeds or fails by itself.
 * - Commits take effect in the order of their calls.
 * - What `take` handed out stays with the taker until it is settled, until its lease is lost (a shared journal
 *   extends leases from a thread of its own, never from the caller's event loop), or until the journal closes.
 * - `take` writes nothing first: at most it may hand out again what an unclean stop left open.
 */
export interface Work {
  /**
   * @throws SluiceError JOURNAL_FULL (no space, or past `maxSize` for a commit that appends), JOURNAL_IO,
   * JOURNAL_BACKLOG (too much is waiting already), JOURNAL_CLOSED, STATE_CONFLICT. Nothing of it was kept then.
   */
  commit(commit: Commit): Promise<CommitResult>;

  /**
   * Due runs of a process, oldest first, each with a new fence. Waits until there is at least one, and answers
   * `[]` only once `signal` aborts. One call at a time per process.
   */
  take(process: string, atMost: number, signal: AbortSignal): Promise<Claim[]>;

  /**
   * What an unclean stop may have left running, oldest first; they are not handed out by `take` until
   * {@link Work.admit}. Empty after a clean stop. Asked for once, before the first `take`.
   *
   * @param concurrency for each process, how many of its runs may have been running
   */
  suspects(concurrency: ReadonlyMap<string, number>): Promise<Suspect[]>;

  /**
   * Marks one suspect durably as the only run that is starting, then claims it. If the host dies before it is
   * settled, the next `suspects` reports it with one more strike.
   * `undefined` if it is no longer open.
   */
  takeSuspect(run: RunKey): Promise<Claim | undefined>;

  /**
   * Hands the remaining suspects back to `take`: the careful phase is over. Resolves once no run is marked as the
   * only one that is starting: from then on a death is nobody's deed.
   */
  admit(): Promise<void>;

  /**
   * How many hops lie before each of these events (`cause.hops` of the event, 0 if it has no cause), as far as they
   * are known here; by uid. Sees everything that was committed before the call.
   */
  hops(uids: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /** The current value of a piece of state. */
  readState(owner: string, key: string): Promise<StateValue | undefined>;
}

/** Names a run without its id's text: the form that the hot path uses. Opaque outside the journal. */
export type RunKey = number | string;

/** One atomic write. Every part is optional. */
export interface Commit {
  readonly append?: readonly Append[];
  readonly settle?: readonly Settle[];
  readonly state?: readonly StatePut[];
  readonly control?: readonly Control[];
  readonly logs?: readonly LogLine[];
}

export interface Append {
  readonly event: EventRecord;
  /**
   * Identity of the delivery, unique per trigger; a second append with it is a duplicate for as long as the first
   * is remembered. The event's uid is always such an identity, too, over all triggers, for as long as the event is
   * kept. It stands here as well if the source gave it: a journal that keeps events for less time than such a source
   * may repeat them (`memory:`) remembers it longer.
   */
  readonly dedupe?: string;
  /** What routing made of it: one run a process, in this order. May be empty. */
  readonly runs: readonly RunSeed[];
}

export interface RunSeed {
  readonly process: string;
  /** Set for processes with `order = "key"`: the run is `waiting` while an earlier run of its key is open. */
  readonly key?: string;
  /** Set if the run is dead from the beginning. */
  readonly dead?: ErrorRecord;
}

/** The outcome of one attempt. */
export interface Settle {
  readonly claim: Claim;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** The pipeline version that the attempt ran under. */
  readonly version: number;
  readonly outcome: Outcome;
  /** Events that the attempt emitted, kept only if the outcome is `succeeded`. */
  readonly emitted?: readonly Append[];
}

export type Outcome =
  | { readonly type: "succeeded" }
  /** Due again after `delay` milliseconds, at `dueAt`. Costs an attempt, or, if `postponed`, is counted there. */
  | {
      readonly type: "retry";
      readonly dueAt: number;
      readonly delay: number;
      readonly error: ErrorRecord;
      readonly abandoned?: boolean;
      readonly postponed?: boolean;
    }
  /** `block`: the later runs of its key go on waiting. */
  | {
      readonly type: "dead";
      readonly error: ErrorRecord;
      readonly block?: boolean;
      readonly abandoned?: boolean;
    }
  | { readonly type: "cancelled"; readonly error: ErrorRecord }
  /** Handed back: costs no attempt, due at once. */
  | { readonly type: "released" };

export interface StatePut {
  readonly owner: string;
  readonly key: string;
  /** JSON text; `null` removes it. */
  readonly value: string | null;
  /** The version that must be there, 0 for none; without it, whatever is there is overwritten. */
  readonly ifVersion?: number;
}

export interface StateValue {
  readonly value: string;
  readonly version: number;
}

export type Control =
  /** Ends an open run; a dead one that blocks its key (`Outcome`) is given up, so that the key goes on. */
  | { readonly type: "cancel"; readonly run: string; readonly reason: ErrorRecord }
  /**
   * A dead or cancelled run is reopened under its id, its attempts counted anew; a succeeded one, or any with
   * `data`, gets a new run with `replayOf`. An open one is refused.
   */
  | { readonly type: "replay"; readonly run: string; readonly data?: string; readonly ordered?: boolean }
  | { readonly type: "pause"; readonly name: string }
  | { readonly type: "resume"; readonly name: string }
  /** Makes a run of an old event for a process that had none. */
  | { readonly type: "route"; readonly event: string; readonly seed: RunSeed }
  /** Makes an open run `dead` without an attempt: a suspect with too many strikes. */
  | { readonly type: "setAside"; readonly run: RunKey; readonly error: ErrorRecord }
  /**
   * Blanks the payloads, headers, logs and error messages of events with this ordering key, and of their runs. Looks
   * at some thousand events with a number above `after`, and answers where to go on. Events with an open run are left.
   */
  | { readonly type: "forget"; readonly key: string; readonly after: number }
  /** Ends every open run of a process: it was removed. */
  | { readonly type: "cancelOpen"; readonly process: string; readonly reason: ErrorRecord };

export interface LogLine {
  readonly claim: Claim;
  readonly time: number;
  readonly stream: LogStream;
  readonly text: string;
}

export interface CommitResult {
  /** One per `append`, in its order. */
  readonly append: readonly AppendResult[];
  /**
   * One per `settle`: `stale` if the claim is no longer the run's newest, or the run is final already (an operator
   * cancelled it). A cancelled claim must be settled all the same: only then does the next run of its key go on.
   */
  readonly settle: readonly ("settled" | "stale")[];
  /** One per `control`. */
  readonly control: readonly ControlResult[];
}

export interface AppendResult {
  /** The event's uid; of a duplicate, the first one's. */
  readonly uid: string;
  readonly duplicate: boolean;
}

export type ControlResult =
  /** `run`: the id that was reopened or made; `runs`: how many runs it changed. */
  | { readonly ok: true; readonly run?: string; readonly runs?: number; readonly forgotten?: Forgotten }
  | {
      readonly ok: false;
      /** `not_found`, or `state`: the run's state does not allow it. */
      readonly why: "not_found" | "state";
      readonly message: string;
    };

/** What one `forget` did. */
export interface Forgotten {
  /** Events that were blanked, those that were so before too. */
  readonly events: number;
  /** Events that were left since they have an open run. */
  readonly open: number;
  /** The `after` of the next one; `null` at the end. */
  readonly next: number | null;
}

/** A run that was taken: what the engine needs to run and settle it. */
export interface Claim {
  readonly key: RunKey;
  readonly process: string;
  readonly event: EventRecord;
  /** 0 for the run that routing made, n for the n-th replay. */
  readonly replay: number;
  /** The id of the run that it replays. */
  readonly replayOf: string | null;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** How often the run was postponed since it was made or reopened. */
  readonly postponed: number;
  /** `epoch * 2^32 + counter`: a safe integer that only grows, in this journal, for ever. */
  readonly fence: number;
}

/** A run that may have been running when the host died. */
export interface Suspect {
  readonly run: RunKey;
  readonly id: string;
  readonly process: string;
  /** In how many crashes it was the only run that was starting, with the crash that made it a suspect. */
  readonly strikes: number;
}
