import type { ErrorRecord } from "../../model/errors.ts";
import type { EventRecord } from "../../model/event.ts";
import { formatRunId, type AttemptRow } from "../../model/run.ts";
import { ReadyQueue } from "../ready-queue.ts";
import type { Claim, LogLine } from "../work.ts";

/** An event with all its runs. */
export interface MemoryEvent {
  readonly seq: number;
  readonly record: EventRecord;
  readonly runs: MemoryRun[];
  /** Uids of the events that its runs caused. */
  caused: string[] | null;
  /** Runs that are not final. */
  open: number;
  /** How often it stands in a list of finished events: it is forgotten when the last entry falls out. */
  listed: number;
}

export interface MemoryRun {
  readonly key: number;
  readonly event: MemoryEvent;
  readonly lane: MemoryLane;
  readonly replay: number;
  readonly replayOf: string | null;
  /** The payload that an operator put in the place of the event's. */
  readonly data: string | null;
  state: number;
  attempts: number;
  /** Of the claim that holds it; 0 if none does. */
  fence: number;
  /** Of the claim that held it when it was ended from outside, until that is settled; 0 if there is none. */
  lingering: number;
  /** Its ordering key, while it stands in a line. */
  lineKey: string | null;
  /** By the clock's monotonic time, and by its wall. */
  due: number;
  dueAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
  version: number;
  lastFence: number;
  error: ErrorRecord | null;
  /** Attempts that did not end it well. */
  past: AttemptRow[] | null;
  logs: LogLine[] | null;
}

/** Runs of one ordering key of an ordered process. */
export interface MemoryLine {
  /** Open or blocking runs that are not waiting. */
  ahead: number;
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
  readonly fence: number;
  readonly #run: MemoryRun;

  constructor(run: MemoryRun, fence: number) {
    const { record } = run.event;
    this.key = run.key;
    this.process = run.lane.process;
    this.event = run.data === null ? record : { ...record, data: run.data };
    this.replay = run.replay;
    this.replayOf = run.replayOf;
    this.attempt = run.attempts + 1;
    this.fence = fence;
    this.#run = run;
  }

  /** The run of a claim of this journal; `undefined` for one that is not. */
  static runOf(claim: Claim): MemoryRun | undefined {
    return #run in claim ? claim.#run : undefined;
  }
}

export function idOf(run: MemoryRun): string {
  return formatRunId(run.event.record.uid, run.lane.process, run.replay);
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
