import type { Logger } from "../../model/logger.ts";
import type { EventRecord } from "../../model/event.ts";
import { parseRunId } from "../../model/run.ts";
import { DEAD, isFinalCode, QUEUED, RUNS_PER_EVENT, SUCCEEDED, WAITING } from "../run-code.ts";
import { ReadyQueue } from "../ready-queue.ts";
import type { RunSeed } from "../work.ts";
import { createLane, idOf, type MemoryEvent, type MemoryLane, type MemoryRun } from "./model.ts";

/** Finished events that are kept, and as many again whose runs did not all succeed. */
const FINISHED_KEPT = 10_000;
/** Delivery keys that are remembered per trigger. */
const DELIVERIES_KEPT = 100_000;

/** Everything that the memory journal holds, and the few moves that keep it consistent. */
export class MemoryStore {
  readonly events: Map<string, MemoryEvent> = new Map();
  readonly lanes: Map<string, MemoryLane> = new Map();
  readonly accepted: Map<string, number> = new Map();
  openRuns = 0;
  readonly #deliveries = new Map<string, Map<string, string>>();
  readonly #succeeded: Finished = { entries: [], next: 0 };
  readonly #failed: Finished = { entries: [], next: 0 };
  readonly #logger: Logger;
  readonly #onReady: (lane: MemoryLane, run: MemoryRun) => void;
  #seq = 0;

  /** @param onReady told of every run that can be taken now */
  constructor(logger: Logger, onReady: (lane: MemoryLane, run: MemoryRun) => void) {
    this.#logger = logger;
    this.#onReady = onReady;
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
    if (this.events.has(event.uid)) return event.uid;
    return dedupe === undefined ? undefined : this.#deliveries.get(event.trigger)?.get(dedupe);
  }

  append(record: EventRecord, dedupe: string | undefined, seeds: readonly RunSeed[]): void {
    const event: MemoryEvent = { seq: ++this.#seq, record, runs: [], caused: null, open: 0, listed: 0 };
    this.events.set(record.uid, event);
    this.accepted.set(record.trigger, (this.accepted.get(record.trigger) ?? 0) + 1);
    if (dedupe !== undefined) this.#remember(record, dedupe);
    if (record.cause !== null) this.#tieToCause(record);
    for (let i = 0; i < seeds.length; i += 1) this.addRun(event, seeds[i] as RunSeed);
    if (event.open === 0) this.#list(event);
  }

  addRun(
    event: MemoryEvent,
    seed: RunSeed,
    replayed?: { replay: number; of: string; data: string | null },
  ): MemoryRun {
    const lane = this.lane(seed.process);
    const run: MemoryRun = {
      key: event.seq * RUNS_PER_EVENT + event.runs.length,
      event,
      lane,
      replay: replayed?.replay ?? 0,
      replayOf: replayed?.of ?? null,
      data: replayed?.data ?? null,
      state: seed.dead === undefined ? WAITING : DEAD,
      attempts: 0,
      fence: 0,
      lingering: 0,
      lineKey: null,
      due: 0,
      dueAt: null,
      startedAt: null,
      finishedAt: null,
      version: 0,
      lastFence: 0,
      error: seed.dead ?? null,
      past: null,
      logs: null,
    };
    event.runs.push(run);
    if (seed.dead !== undefined) {
      run.finishedAt = event.record.time;
      lane.counts[DEAD] = (lane.counts[DEAD] as number) + 1;
      return run;
    }
    event.open += 1;
    this.openRuns += 1;
    lane.counts[WAITING] = (lane.counts[WAITING] as number) + 1;
    this.#standInLine(run, seed.key);
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

  /** @param blocks whether the later runs of its key go on waiting */
  finish(run: MemoryRun, state: number, blocks: boolean): void {
    const wasWaiting = run.state === WAITING;
    this.move(run, state);
    run.fence = 0;
    run.dueAt = null;
    this.openRuns -= 1;
    if (run.lineKey !== null && !blocks) this.#leaveLine(run, wasWaiting);
    if (--run.event.open === 0) this.#list(run.event);
  }

  /** The attempt of a run that was ended from outside is over: the next of its key goes on. */
  letGo(run: MemoryRun): void {
    run.lingering = 0;
    if (run.lineKey !== null && isFinalCode(run.state)) this.#leaveLine(run, false);
  }

  /** Opens a final run anew. */
  reopen(run: MemoryRun, key: string | undefined): void {
    run.lingering = 0;
    const keepsPlace = run.lineKey !== null && run.lineKey === key;
    if (run.lineKey !== null && !keepsPlace) this.#leaveLine(run, false);
    run.attempts = 0;
    run.startedAt = null;
    run.finishedAt = null;
    run.error = null;
    run.event.open += 1;
    this.openRuns += 1;
    if (keepsPlace) {
      this.move(run, QUEUED);
      return;
    }
    this.move(run, WAITING);
    this.#standInLine(run, key);
  }

  findRun(id: string): MemoryRun | undefined {
    const parts = parseRunId(id);
    if (parts === undefined) return undefined;
    return this.events
      .get(parts.event)
      ?.runs.find((run) => run.lane.process === parts.process && run.replay === parts.replay);
  }

  *runs(): Generator<MemoryRun, void, undefined> {
    for (const event of this.events.values()) yield* event.runs;
  }

  #standInLine(run: MemoryRun, key: string | undefined): void {
    if (key === undefined) {
      this.move(run, QUEUED);
      return;
    }
    run.lineKey = key;
    let line = run.lane.lines.get(key);
    if (line === undefined) {
      line = { ahead: 0, waiting: new ReadyQueue() };
      run.lane.lines.set(key, line);
    }
    if (line.ahead > 0) {
      line.waiting.push(run);
      return;
    }
    line.ahead = 1;
    this.move(run, QUEUED);
  }

  #leaveLine(run: MemoryRun, wasWaiting: boolean): void {
    const key = run.lineKey as string;
    run.lineKey = null;
    const line = run.lane.lines.get(key);
    if (wasWaiting || line === undefined || --line.ahead > 0) return;
    for (let next = line.waiting.shift(); next !== undefined; next = line.waiting.shift()) {
      if (next.state !== WAITING) continue;
      line.ahead = 1;
      this.move(next, QUEUED);
      return;
    }
    run.lane.lines.delete(key);
  }

  #remember(record: EventRecord, dedupe: string): void {
    let keys = this.#deliveries.get(record.trigger);
    if (keys === undefined) {
      keys = new Map();
      this.#deliveries.set(record.trigger, keys);
    }
    keys.set(dedupe, record.uid);
    if (keys.size <= DELIVERIES_KEPT) return;
    for (const oldest of keys.keys()) {
      keys.delete(oldest);
      return;
    }
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
    const well = event.runs.every((run) => run.state === SUCCEEDED);
    const list = well ? this.#succeeded : this.#failed;
    const oldest = list.entries[list.next];
    list.entries[list.next] = event;
    list.next = (list.next + 1) % FINISHED_KEPT;
    if (oldest !== undefined && --oldest.listed === 0 && oldest.open === 0) this.#forget(oldest);
  }

  #forget(event: MemoryEvent): void {
    this.events.delete(event.record.uid);
    for (const run of event.runs) {
      const { counts } = run.lane;
      counts[run.state] = (counts[run.state] as number) - 1;
      if (run.state === DEAD) {
        if (run.lineKey !== null) this.#leaveLine(run, false);
        this.#logger.warn(
          { run: idOf(run), code: run.error?.code },
          "a dead run was forgotten: the memory journal keeps only the newest",
        );
      }
    }
  }
}

/** A ring of the events that finished last. */
interface Finished {
  readonly entries: MemoryEvent[];
  next: number;
}
