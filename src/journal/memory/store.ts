import type { EventRecord } from "../../model/event.ts";
import type { Logger } from "../../model/logger.ts";
import { parseRunId } from "../../model/run.ts";
import { ReadyQueue } from "../ready-queue.ts";
import { CANCELLED, DEAD, isFinalCode, QUEUED, RUNS_PER_EVENT, SUCCEEDED, WAITING } from "../run-code.ts";
import { isPlaceUid } from "../../model/place-uid.ts";
import type { RunSeed } from "../work.ts";
import { FinishedEvents } from "./finished-events.ts";
import {
  createExtra,
  createLane,
  extraOf,
  idOf,
  type MemoryEvent,
  type MemoryLane,
  type MemoryRun,
} from "./model.ts";
import { Remembered } from "./remembered.ts";

/** Finished events whose runs all succeeded. More of them outlive a young generation, which costs half of the rate. */
const SUCCEEDED_KEPT = 1_000;
/** Finished events with a run that did not. */
const FAILED_KEPT = 10_000;
/** Delivery keys that are remembered per trigger, and uids that sources gave: longer than their events. */
const DELIVERIES_KEPT = 100_000;

/** Everything that the memory journal holds, and the few moves that keep it consistent. */
export class MemoryStore {
  readonly lanes: Map<string, MemoryLane> = new Map();
  readonly accepted: Map<string, number> = new Map();
  openRuns = 0;
  /** Events that are remembered, in the order in which they came, as a list; indexed up to the one named so. */
  #first: MemoryEvent | null = null;
  #newest: MemoryEvent | null = null;
  #indexed: MemoryEvent | null = null;
  readonly #byUid = new Map<string, MemoryEvent>();
  /** The greatest uid so far: what is greater still is new, and mostly they grow. */
  #greatestUid = "";
  readonly #deliveries = new Map<string, Remembered>();
  /** Uids that a source gave; of all triggers, as events are. */
  readonly #given = new Remembered(DELIVERIES_KEPT);
  readonly #succeeded = new FinishedEvents(SUCCEEDED_KEPT);
  readonly #failed = new FinishedEvents(FAILED_KEPT);
  readonly #logger: Logger;
  readonly #onReady: (lane: MemoryLane, run: MemoryRun) => void;
  #seq = 0;
  #runs = 0;

  /** @param onReady told of every run that can be taken now */
  constructor(logger: Logger, onReady: (lane: MemoryLane, run: MemoryRun) => void) {
    this.#logger = logger;
    this.#onReady = onReady;
  }

  /** Looks an event up. Indexed only when somebody asks: most events come and go without that. */
  event(uid: string): MemoryEvent | undefined {
    for (
      let event = this.#indexed === null ? this.#first : this.#indexed.next;
      event !== null;
      event = event.next
    ) {
      this.#byUid.set(event.record.uid, event);
      this.#indexed = event;
    }
    return this.#byUid.get(uid);
  }

  /** Newest first. */
  *events(): Generator<MemoryEvent, void, undefined> {
    for (let event = this.#newest; event !== null; event = event.previous) yield event;
  }

  /** The number of the event that was taken last, whether or not it is still there. */
  get newestSeq(): number {
    return this.#seq;
  }

  lane(process: string): MemoryLane {
    let lane = this.lanes.get(process);
    if (lane === undefined) {
      lane = createLane(process);
      this.lanes.set(process, lane);
    }
    return lane;
  }

  /** The uid under which a delivery was taken before. */
  earlier(event: EventRecord, dedupe: string | undefined): string | undefined {
    if (event.uid > this.#greatestUid) {
      this.#greatestUid = event.uid;
      if (dedupe === event.uid) return undefined;
    } else if ((dedupe !== event.uid || !isPlaceUid(event.uid)) && this.event(event.uid) !== undefined) {
      return event.uid;
    }
    if (dedupe === event.uid) return this.#given.get(dedupe);
    return dedupe === undefined ? undefined : this.#deliveries.get(event.trigger)?.get(dedupe);
  }

  append(record: EventRecord, dedupe: string | undefined, seeds: readonly RunSeed[]): void {
    const event: MemoryEvent = {
      seq: ++this.#seq,
      record,
      runs: NO_RUNS,
      caused: null,
      open: 0,
      listed: 0,
      previous: this.#newest,
      next: null,
    };
    if (this.#newest === null) this.#first = event;
    else this.#newest.next = event;
    this.#newest = event;
    this.accepted.set(record.trigger, (this.accepted.get(record.trigger) ?? 0) + 1);
    if (dedupe !== undefined) this.#remember(record, dedupe);
    if (record.cause !== null) this.#tieToCause(record);
    for (let i = 0; i < seeds.length; i += 1) this.addRun(event, seeds[i] as RunSeed);
    if (event.open === 0) this.#list(event);
  }

  addRun(
    event: MemoryEvent,
    seed: RunSeed,
    replayed?: { replay: number; run: MemoryRun; data: string | null },
  ): MemoryRun {
    const lane = this.lane(seed.process);
    const { dead, key } = seed;
    const run: MemoryRun = {
      key: replayed === undefined ? ++this.#runs : placeOf(replayed),
      event,
      lane,
      state: dead === undefined ? WAITING : DEAD,
      attempts: 0,
      claim: null,
      last: null,
      extra: replayed === undefined ? null : createExtra(replayed.replay, idOf(replayed.run), replayed.data),
    };
    // Mostly there is one: an array that grew by pushing would keep room for sixteen.
    event.runs = event.runs.length === 0 ? [run] : [...event.runs, run];
    lane.counts[run.state] = (lane.counts[run.state] as number) + 1;
    if (dead !== undefined) {
      const extra = extraOf(run);
      extra.error = dead;
      extra.endedAt = event.record.time;
      return run;
    }
    event.open += 1;
    this.openRuns += 1;
    this.#standInLine(run, key);
    return run;
  }

  /** Changes the state of an open run; what follows from it for others is done too. */
  move(run: MemoryRun, state: number): void {
    const { counts } = run.lane;
    counts[run.state] = (counts[run.state] as number) - 1;
    counts[state] = (counts[state] as number) + 1;
    run.state = state;
    if (state === QUEUED) this.#onReady(run.lane, run);
  }

  /** @param keepsLine whether the later runs of its key go on waiting */
  finish(run: MemoryRun, state: number, keepsLine: boolean): void {
    const wasWaiting = run.state === WAITING;
    this.move(run, state);
    run.claim = null;
    this.openRuns -= 1;
    if (run.extra !== null) {
      run.extra.dueAt = null;
      if (!keepsLine) this.#leaveLine(run, wasWaiting);
    }
    if (--run.event.open === 0) this.#list(run.event);
  }

  /** A dead run that blocks its key is given up: the key goes on. Answers whether it is such a run. */
  giveUp(run: MemoryRun): boolean {
    const blocks =
      run.state === DEAD && run.extra !== null && run.extra.lineKey !== null && run.extra.lingering === null;
    if (!blocks) return false;
    this.move(run, CANCELLED);
    this.#leaveLine(run, false);
    return true;
  }

  /**
   * The attempt of a run that was ended from outside is over: the next of its key goes on, which is the run itself
   * if it was replayed meanwhile.
   */
  letGo(run: MemoryRun): void {
    extraOf(run).lingering = null;
    if (isFinalCode(run.state)) this.#leaveLine(run, false);
    else if (run.state === WAITING) this.move(run, QUEUED);
    else if (run.state === QUEUED) this.#onReady(run.lane, run);
  }

  /** Opens a final run anew. */
  reopen(run: MemoryRun, key: string | undefined): void {
    const extra = extraOf(run);
    const keepsPlace = extra.lineKey !== null && extra.lineKey === key;
    if (!keepsPlace) this.#leaveLine(run, false);
    run.attempts = 0;
    extra.postponed = 0;
    run.last = null;
    if (!keepsPlace && key !== undefined) extra.lingering = null;
    extra.endedAt = null;
    extra.error = null;
    run.event.open += 1;
    this.openRuns += 1;
    if (keepsPlace) {
      this.move(run, extra.lingering === null ? QUEUED : WAITING);
      return;
    }
    this.move(run, WAITING);
    this.#standInLine(run, key);
  }

  findRun(id: string): MemoryRun | undefined {
    const parts = parseRunId(id);
    if (parts === undefined) return undefined;
    return this.event(parts.event)?.runs.find(
      (run) => run.lane.process === parts.process && (run.extra?.replay ?? 0) === parts.replay,
    );
  }

  /** Newest event first. */
  *runs(): Generator<MemoryRun, void, undefined> {
    for (const event of this.events()) yield* event.runs;
  }

  #standInLine(run: MemoryRun, key: string | undefined): void {
    if (key === undefined) {
      this.move(run, QUEUED);
      return;
    }
    extraOf(run).lineKey = key;
    let line = run.lane.lines.get(key);
    if (line === undefined) {
      line = { isTaken: false, waiting: new ReadyQueue() };
      run.lane.lines.set(key, line);
    }
    if (line.isTaken) {
      line.waiting.push(run);
      return;
    }
    line.isTaken = true;
    this.move(run, QUEUED);
  }

  #leaveLine(run: MemoryRun, wasWaiting: boolean): void {
    const key = run.extra?.lineKey ?? null;
    if (run.extra === null || key === null) return;
    run.extra.lineKey = null;
    const line = run.lane.lines.get(key);
    if (wasWaiting || line === undefined) return;
    for (let next = line.waiting.shift(); next !== undefined; next = line.waiting.shift()) {
      if (next.state !== WAITING) continue;
      this.move(next, QUEUED);
      return;
    }
    run.lane.lines.delete(key);
  }

  #remember(record: EventRecord, dedupe: string): void {
    if (dedupe === record.uid) {
      this.#given.set(dedupe, record.uid);
      return;
    }
    let deliveries = this.#deliveries.get(record.trigger);
    if (deliveries === undefined) {
      deliveries = new Remembered(DELIVERIES_KEPT);
      this.#deliveries.set(record.trigger, deliveries);
    }
    deliveries.set(dedupe, record.uid);
  }

  #tieToCause(record: EventRecord): void {
    for (const id of record.cause?.runs ?? []) {
      const run = this.findRun(id);
      if (run !== undefined) (run.event.caused ??= []).push(record.uid);
    }
  }

  /** A finished event takes its place among those that are kept for a while. */
  #list(event: MemoryEvent): void {
    event.listed += 1;
    const list = event.runs.every(isSucceeded) ? this.#succeeded : this.#failed;
    const oldest = list.add(event);
    if (oldest !== undefined && --oldest.listed === 0 && oldest.open === 0) this.#forget(oldest);
  }

  #unlink(event: MemoryEvent): void {
    const { previous, next } = event;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#newest = previous;
    else next.previous = previous;
    if (this.#indexed === event) this.#indexed = previous;
    // An old event that is garbage already must not hold on to younger ones.
    event.previous = null;
    event.next = null;
  }

  #forget(event: MemoryEvent): void {
    this.#unlink(event);
    if (this.#byUid.size > 0) this.#byUid.delete(event.record.uid);
    for (const run of event.runs) {
      const { counts } = run.lane;
      counts[run.state] = (counts[run.state] as number) - 1;
      if (run.state !== DEAD) continue;
      this.#leaveLine(run, false);
      this.#logger.warn(
        { run: idOf(run), code: run.extra?.error?.code },
        "a dead run was forgotten: the memory journal keeps only the newest",
      );
    }
  }
}

const NO_RUNS: readonly MemoryRun[] = [];

/** A replay stands right behind the run that it replays, before the runs of later events. */
function placeOf({ replay, run }: { replay: number; run: MemoryRun }): number {
  return Math.floor(run.key) + replay / RUNS_PER_EVENT;
}

function isSucceeded(run: MemoryRun): boolean {
  return run.state === SUCCEEDED;
}
