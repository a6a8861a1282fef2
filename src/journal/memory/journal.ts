import type { Timer } from "../../model/clock.ts";
import { EPHEMERAL_JOURNAL } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import type { Change, Coordination } from "../coordination.ts";
import type { Journal, JournalDriver, JournalSurroundings } from "../journal.ts";
import { heapPush, heapShift } from "../ready-queue.ts";
import { FENCES_PER_EPOCH, QUEUED, RETRYING, RUNNING } from "../run-code.ts";
import type { Claim, CommitResult, Work } from "../work.ts";
import { applyCommit, closedError, type ApplyEffects } from "./apply.ts";
import { createMemoryHistory } from "./history.ts";
import { extraOf, MemoryClaim, type MemoryLane, type MemoryRun } from "./model.ts";
import { MemoryState } from "./state.ts";
import { MemoryStore } from "./store.ts";

/**
 * A journal that lives and dies with the process: for tests, and for pipelines whose events may be lost.
 * It remembers the last 1,000 events that ended well, the last 10,000 that did not, and the last 100,000 delivery
 * keys of each trigger. An event's uid counts as a delivery for as long as the event is remembered, and one that its
 * source gave as long as a delivery key: a source that was cut off gives again what it was not told of.
 */
export function createMemoryJournal(): JournalDriver {
  return {
    location: "memory:",
    open: async (surroundings) => openMemoryJournal(surroundings),
  };
}

/**
 * Open runs beyond which an append resolves only in the next turn of the event loop, so that emitters who wait for
 * nothing else cannot outrun the processes.
 */
const BACKLOG = 1_000;

interface Retry {
  readonly run: MemoryRun;
  readonly due: number;
}

function openMemoryJournal({ clock, logger }: JournalSurroundings): Journal {
  const listeners = new Set<(change: Change) => void>();
  const paused = new Set<string>();
  const state = new MemoryState();
  const retries: Retry[] = [];
  const woken: MemoryLane[] = [];
  let counter = FENCES_PER_EPOCH;
  let scheduled = false;
  let progressed = false;
  let timer: Timer | undefined;
  let timerDue = Number.POSITIVE_INFINITY;
  let turn: Promise<void> | undefined;
  let closed = false;

  const store = new MemoryStore(logger, ready);

  function ready(lane: MemoryLane, run: MemoryRun): void {
    lane.ready.push(run);
    if (lane.waiter === null || lane.woken) return;
    lane.woken = true;
    woken.push(lane);
    schedule();
  }

  /** Who waits is served in a microtask, so that it gets at once what one turn brought. */
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(serve);
  }

  function serve(): void {
    scheduled = false;
    for (const lane of woken.splice(0)) {
      lane.woken = false;
      const { waiter } = lane;
      const claims = waiter === null ? [] : claim(lane, waiter.atMost);
      if (waiter === null || claims.length === 0) continue;
      lane.waiter = null;
      waiter.resolve(claims);
    }
    if (!progressed) return;
    progressed = false;
    tell({ type: "progress" });
  }

  async function nextTurn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    turn = undefined;
  }

  function tell(change: Change): void {
    for (const listener of listeners) listener(change);
  }

  function claim(lane: MemoryLane, atMost: number): Claim[] {
    const claims: Claim[] = [];
    const now = clock.now();
    let run: MemoryRun | undefined;
    while (claims.length < atMost && (run = lane.ready.shift()) !== undefined) {
      if (isReady(run)) claims.push(claimRun(run, now));
    }
    return claims;
  }

  function claimRun(run: MemoryRun, now: number): Claim {
    const claim = new MemoryClaim(run, ++counter, now);
    run.claim = claim;
    store.move(run, RUNNING);
    return claim;
  }

  const effects: ApplyEffects = {
    now: () => clock.now(),
    retryAt(run, delay) {
      const due = clock.monotonic() + Math.max(0, delay);
      extraOf(run).due = due;
      heapPush(retries, { run, due }, byDue);
      setTimer();
    },
    cancelled: ({ process, fence }, message) => tell({ type: "cancelled", process, fence, message }),
    setPaused(name, isPaused) {
      if (isPaused) paused.add(name);
      else paused.delete(name);
      tell({ type: isPaused ? "paused" : "resumed", name });
    },
    progress() {
      if (progressed) return;
      progressed = true;
      schedule();
    },
  };

  function setTimer(): void {
    const due = retries[0]?.due ?? Number.POSITIVE_INFINITY;
    if (due === timerDue) return;
    timer?.cancel();
    timerDue = due;
    timer =
      retries.length === 0 ? undefined : clock.setTimer(Math.max(0, due - clock.monotonic()), readyRetries);
  }

  function readyRetries(): void {
    timerDue = Number.POSITIVE_INFINITY;
    const now = clock.monotonic();
    while (retries[0] !== undefined && retries[0].due <= now) {
      const { run, due } = heapShift(retries, byDue) as Retry;
      const extra = extraOf(run);
      if (run.state !== RETRYING || extra.due !== due) continue;
      extra.due = 0;
      extra.dueAt = null;
      ready(run.lane, run);
    }
    setTimer();
  }

  const work: Work = {
    // Not an async function, which would make two more objects a commit.
    commit(commit) {
      if (closed) return Promise.reject(closedError());
      let result: CommitResult;
      try {
        result = applyCommit(store, state, commit, effects);
      } catch (error) {
        return Promise.reject(error);
      }
      if (commit.append === undefined || store.openRuns <= BACKLOG) return Promise.resolve(result);
      return (turn ??= nextTurn()).then(() => result);
    },

    async take(process, atMost, signal) {
      if (closed) throw closedError();
      if (signal.aborted) return [];
      const lane = store.lane(process);
      const claims = claim(lane, atMost);
      if (claims.length > 0) return claims;
      if (lane.waiter !== null)
        throw new SluiceError("INVALID_OPTIONS", `runs of "${process}" are being taken already`);
      return new Promise<Claim[]>((resolve, reject) => {
        lane.waiter = { atMost, resolve: end(resolve), reject: end(reject) };
        signal.addEventListener("abort", onAbort, { once: true });
        function end<Value>(settle: (value: Value) => void): (value: Value) => void {
          return (value) => {
            signal.removeEventListener("abort", onAbort);
            settle(value);
          };
        }
        function onAbort(): void {
          lane.waiter = null;
          resolve([]);
        }
      });
    },

    suspects: async () => [],
    takeSuspect: async () => undefined,
    admit: async () => undefined,
    async hops(uids) {
      return new Map(
        uids.flatMap((uid) => {
          const event = store.event(uid);
          return event === undefined ? [] : [[uid, event.record.cause?.hops ?? 0] as const];
        }),
      );
    },
    readState: async (owner, key) => state.get(owner, key),
  };

  const coordination: Coordination = {
    async lease(name, signal) {
      if (signal.aborted) return undefined;
      return { name, signal: new AbortController().signal, release: async () => undefined };
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    paused: () => paused,
  };

  return {
    id: EPHEMERAL_JOURNAL,
    epoch: 1,
    capabilities: { durable: false, shared: false },
    stoppedCleanly: true,
    work,
    coordination,
    history: createMemoryHistory(store),
    openRuns: () => store.openRuns,
    health: () => ({ ok: true }),
    async close() {
      closed = true;
      timer?.cancel();
      for (const lane of store.lanes.values()) {
        lane.waiter?.reject(closedError());
        lane.waiter = null;
      }
    },
  };
}

/** Whether it may be taken: it may have been ended since it was queued, or its last attempt may still go on. */
function isReady({ state, extra }: MemoryRun): boolean {
  if (extra === null) return state === QUEUED;
  return extra.lingering === null && (state === QUEUED || (state === RETRYING && extra.due === 0));
}

function byDue(a: Retry, b: Retry): number {
  return a.due - b.due;
}
