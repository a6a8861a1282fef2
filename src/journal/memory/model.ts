import type { ErrorRecord } from "../../model/errors.ts";
import type { EventRecord } from "../../model/event.ts";
import { formatRunId, type AttemptRow } from "../../model/run.ts";
import { ReadyQueue } from "../ready-queue.ts";
import type { Claim, LogLine, Settle } from "../work.ts";

/** An event with all its runs. */
export interface MemoryEvent {
  readonly seq: number;
  /** Only changed to forget what it carries. */
  record: EventRecord;
  runs: readonly MemoryRun[];
  /** Uids of the events that its runs caused. */
  caused: string[] | null;
  /** Runs that are not final. */
  open: number;
  /** How often it stands in a list of finished events: it is forgotten when the last entry falls out. */
  listed: number;
  previous: MemoryEvent | null;
  next: MemoryEvent | null;
}

/** Kept small, since every event makes one: what few runs have stands in `extra`. */
export interface MemoryRun {
  /** Counts the runs of the journal. */
  readonly key: number;
  readonly event: MemoryEvent;
  readonly lane: MemoryLane;
  state: number;
  attempts: number;
  /** The claim that holds it. */
  claim: MemoryClaim | null;
  /** Of its newest attempt that is over. */
  last: Settle | null;
  extra: RunExtra | null;
}

/** What only runs have that were ordered, failed, logged, replayed or ended from outside. */
export interface RunExtra {
  readonly replay: number;
  readonly replayOf: string | null;
  /** The payload that an operator put in the place of the event's. */
  data: string | null;
  /** How often it was postponed. */
  postponed: number;
  /** Its ordering key, while it stands in a line. */
  lineKey: string | null;
  /** The claim that held it when it was ended from outside, until that is settled. */
  lingering: MemoryClaim | null;
  /** When it is due again, by the clock's monotonic time (0: now) and by its wall. */
  due: number;
  dueAt: number | null;
  /** When it was ended from outside. */
  endedAt: number | null;
  error: ErrorRecord | null;
  /** Attempts that did not end it well. */
  past: AttemptRow[];
  readonly logs: LogLine[];
}

/** Runs of one ordering key of an ordered process. */
export interface MemoryLine {
  /** Whether one of them may be taken, is running, or blocks the others. */
  isTaken: boolean;
  readonly waiting: ReadyQueue<MemoryRun>;
}

/** What is kept per process. */
export interface MemoryLane {
  readonly process: string;
  readonly ready: ReadyQueue<MemoryRun>;
  readonly lines: Map<string, MemoryLine>;
  /** Runs per state code. */
  readonly counts: number[];
  waiter: { readonly atMost: number; resolve(claims: Claim[]): void; reject(error: Error): void } | null;
  woken: boolean;
}

export class MemoryClaim implements Claim {
  readonly key: number;
  readonly process: string;
  readonly event: EventRecord;
  readonly replay: number;
  readonly replayOf: string | null;
  readonly attempt: number;
  readonly postponed: number;
  readonly fence: number;
  readonly #run: MemoryRun;
  readonly #takenAt: number;

  constructor(run: MemoryRun, fence: number, takenAt: number) {
    const { record } = run.event;
    const { extra } = run;
    this.key = run.key;
    this.process = run.lane.process;
    this.event = extra === null || extra.data === null ? record : { ...record, data: extra.data };
    this.replay = extra === null ? 0 : extra.replay;
    this.replayOf = extra === null ? null : extra.replayOf;
    this.attempt = run.attempts + 1;
    this.postponed = extra === null ? 0 : extra.postponed;
    this.fence = fence;
    this.#run = run;
    this.#takenAt = takenAt;
  }

  get takenAt(): number {
    return this.#takenAt;
  }

  /** The run of a claim of this journal; `undefined` for one that is not. */
  static runOf(claim: Claim): MemoryRun | undefined {
    return #run in claim ? claim.#run : undefined;
  }
}

export function extraOf(run: MemoryRun): RunExtra {
  return (run.extra ??= createExtra(0, null, null));
}

export function createExtra(replay: number, replayOf: string | null, data: string | null): RunExtra {
  return {
    replay,
    replayOf,
    data,
    postponed: 0,
    lineKey: null,
    lingering: null,
    due: 0,
    dueAt: null,
    endedAt: null,
    error: null,
    past: [],
    logs: [],
  };
}

export function idOf(run: MemoryRun): string {
  return formatRunId(run.event.record.uid, run.lane.process, run.extra?.replay ?? 0);
}

export function createLane(process: string): MemoryLane {
  return {
    process,
    ready: new ReadyQueue(),
    lines: new Map(),
    counts: [0, 0, 0, 0, 0, 0, 0],
    waiter: null,
    woken: false,
  };
}
