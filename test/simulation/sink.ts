import { parseDuration } from "../../src/model/duration.ts";
import type { ProcessSettings, RunContext } from "../../src/model/component.ts";
import type { Event } from "../../src/model/event.ts";
import { parseRate } from "../../src/model/rate.ts";
import type { Settled } from "./journal.ts";

/** An attempt that has begun, as the sink sees it. */
export interface SeenAttempt {
  readonly run: string;
  readonly process: string;
  readonly key: string;
  readonly attempt: number;
  readonly fence: number;
  readonly host: object;
  readonly begun: number;
  /** When its slot is free though it goes on: its signal aborted, and its grace is over. */
  freedAt: number;
}

/** How often a run may be put off without the cost of an attempt. */
export const MOST_POSTPONED = 2;

interface SeenRun {
  attempt: number;
  fence: number;
  /** The last outcome that was durable since its last attempt began. */
  outcome: Settled["outcome"] | undefined;
  /** It was begun when a host died or stopped: the same attempt may begin once more. */
  excused: boolean;
  postponed: number;
  /** An operator asked for a replay: it may begin again with its first attempt. */
  replays: number;
  /** Its last attempt is the last one that it may have. */
  isLast: boolean;
  /** The fence of the attempt that was told to end because its host stops. */
  shutDown: number;
  /** When it asked to be tried again, should it be tried again. */
  notBefore: number;
  /** Where its last attempt began. */
  host: object | undefined;
}

/** How a process is limited. */
export interface Limits {
  readonly settings: ProcessSettings;
  /** When runs were started, in this life of the process. */
  readonly starts: number[];
}

/**
 * The outside world in which the processes work. It knows nothing of the engine but what attempts show it, keeps its own
 * ledger of what was done, and notices what must never be.
 */
export class Sink {
  /** Told of what must never be. */
  readonly #breaks: (what: string) => void;
  readonly done: Set<string> = new Set();
  readonly #runs = new Map<string, SeenRun>();
  readonly #running = new Set<SeenAttempt>();
  /** Of every key of an ordered process, the events in the order in which their runs first began. */
  readonly begun: { readonly process: string; readonly key: string; readonly run: string }[] = [];
  /** Fences of attempts of which their host was told that they are cancelled. */
  readonly cancelled: Set<number> = new Set();

  constructor(breaks: (what: string) => void) {
    this.#breaks = breaks;
  }

  begin(context: RunContext, event: Event, host: object, limits: Limits, now: number): SeenAttempt {
    const { id: run, process } = context.run;
    const { fence, attempt } = context;
    const seen = this.#seen(run);
    this.#checkFence(run, seen, fence);
    this.#checkAttempt(run, seen, attempt);
    if (this.cancelled.has(fence))
      this.#breaks(`${run} began after its host had been told that it is cancelled`);
    // One that an operator cancelled and had replayed is due at once.
    const isAnew = attempt === 1 && seen.replays > 0;
    const isPutOff = !isAnew && (seen.outcome === "postponed" || (attempt > 1 && seen.outcome === "retry"));
    if (isPutOff && now < seen.notBefore) this.#breaks(`${run} began before it had asked to`);
    seen.fence = fence;
    seen.attempt = attempt;
    seen.outcome = undefined;
    seen.notBefore = 0;
    seen.host = host;
    seen.isLast = attempt >= (limits.settings.retry?.attempts ?? 5);
    const { key } = event;
    const begun: SeenAttempt = { run, process, key, attempt, fence, host, begun: now, freedAt: Infinity };
    if (limits.settings.order === "key") this.#checkOrder(begun);
    this.#checkRate(process, limits, now);
    this.#running.add(begun);
    this.#checkConcurrency(begun, limits, now);
    return begun;
  }

  end(attempt: SeenAttempt): void {
    this.#running.delete(attempt);
  }

  /** Runs whose attempt in this host has ended, but of whose outcome nothing is durable. */
  unsettled(host: object): string[] {
    const running = new Set([...this.#running].map(({ run }) => run));
    const ended = [...this.#runs].filter(([run, seen]) => seen.host === host && !running.has(run));
    return ended
      .filter(([, { outcome, replays }]) => outcome === undefined && replays === 0)
      .map(([run]) => run);
  }

  /** An attempt was told that its host stops: that is no failure of its run. */
  toldToStop({ run, fence }: SeenAttempt): void {
    this.#seen(run).shutDown = fence;
  }

  /** An attempt asks for its run not to be tried again before then. */
  tryAgainAt({ run }: SeenAttempt, time: number): void {
    this.#seen(run).notBefore = time;
  }

  settled({ run, fence, outcome }: Settled): void {
    const seen = this.#runs.get(run);
    if (seen === undefined) return;
    if (fence === seen.fence) {
      seen.outcome = outcome;
      if (outcome === "postponed" && seen.replays === 0 && (seen.postponed += 1) > MOST_POSTPONED)
        this.#breaks(`${run} is postponed more often than it may be`);
      if (outcome === "retry" && seen.isLast) this.#breaks(`${run} is tried again after its last attempt`);
    }
    if (fence === seen.shutDown && outcome !== "released" && outcome !== "succeeded") {
      this.#breaks(`${run} is ${outcome} because its host stopped`);
    }
    if (outcome === "succeeded" && !this.done.has(`${run} ${fence}`)) {
      this.#breaks(`${run} succeeded with fence ${fence}, but was not done`);
    }
  }

  /** A host is gone, or superseded: what it began and did not settle may be begun once more. */
  lost(host: object): void {
    for (const attempt of this.#running) if (attempt.host === host) this.#running.delete(attempt);
    for (const seen of this.#runs.values()) if (seen.outcome === undefined) seen.excused = true;
  }

  replay(run: string): void {
    this.#seen(run).replays += 1;
  }

  wasReplayed(run: string): boolean {
    return this.#seen(run).replays > 0;
  }

  /** How many attempts hold a slot. */
  slots(host: object, now: number): number {
    let count = 0;
    for (const attempt of this.#running) if (attempt.host === host && attempt.freedAt > now) count += 1;
    return count;
  }

  #seen(run: string): SeenRun {
    let seen = this.#runs.get(run);
    if (seen === undefined) {
      seen = {
        attempt: 0,
        fence: 0,
        outcome: "released",
        excused: false,
        postponed: 0,
        replays: 0,
        isLast: false,
        shutDown: 0,
        notBefore: 0,
        host: undefined,
      };
      this.#runs.set(run, seen);
    }
    return seen;
  }

  #checkFence(run: string, seen: SeenRun, fence: number): void {
    if (fence > seen.fence) return;
    this.#breaks(`${run}: fence ${fence} after ${seen.fence}`);
  }

  #checkAttempt(run: string, seen: SeenRun, attempt: number): void {
    const isNext = attempt === seen.attempt + 1 && (seen.outcome === "retry" || seen.attempt === 0);
    if (isNext) return;
    if (attempt === seen.attempt && (seen.outcome === "released" || seen.outcome === "postponed")) return;
    if (attempt === seen.attempt && seen.outcome === undefined && seen.excused) {
      seen.excused = false;
      return;
    }
    if (attempt === 1 && seen.replays > 0) return;
    this.#breaks(`${run}: attempt ${attempt} after ${seen.attempt}, which ended ${seen.outcome ?? "not"}`);
  }

  #checkOrder({ run, process, key, host }: SeenAttempt): void {
    this.begun.push({ process, key, run });
    for (const other of this.#running) {
      if (other.process !== process || other.key !== key || other.host !== host) continue;
      this.#breaks(`${run} began beside ${other.run}, of the same key ${key}`);
    }
  }

  #checkConcurrency({ process, host }: SeenAttempt, { settings }: Limits, now: number): void {
    let count = 0;
    for (const other of this.#running) {
      if (other.process === process && other.host === host && other.freedAt > now) count += 1;
    }
    if (count > (settings.concurrency ?? 8)) this.#breaks(`${count} attempts of ${process} at a time`);
  }

  #checkRate(process: string, { settings, starts }: Limits, now: number): void {
    if (settings.rate === undefined) return;
    const { count, per } = parseRate(settings.rate);
    starts.push(now);
    const within = starts.filter((start) => start > now - per).length;
    if (within > count) this.#breaks(`${within} starts of ${process} within ${per} ms`);
  }
}

/** Milliseconds that an attempt may go on for once its signal aborted. */
export function graceOf({ grace }: ProcessSettings): number {
  return parseDuration(grace ?? "2s");
}
