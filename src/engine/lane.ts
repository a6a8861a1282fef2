import { sleep, type Timer } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import { SluiceError, toErrorRecord } from "../model/errors.ts";
import { toEvent, type EventRecord } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { ProcessStatus } from "../model/status.ts";
import type { Append, Claim, Outcome, Settle, Work } from "../journal/work.ts";
import { Attempt, type AbortKind, type AttemptHost } from "./attempt.ts";
import { attemptEnded, attemptStarted } from "./diagnostics.ts";
import type { ErrorStream } from "./error-stream.ts";
import { outcomeOf, type Ending } from "./outcome.ts";
import { RateLimit } from "./rate-limit.ts";
import { backOff } from "./retry-policy.ts";
import type { ResolvedProcessSettings } from "./settings.ts";
import type { Settler } from "./settler.ts";
import type { SharedSlots } from "./shared-slots.ts";

/** What all lanes of an engine have in common. */
export interface LaneHost extends AttemptHost {
  readonly work: Work;
  readonly settler: Settler;
  readonly errors: ErrorStream;
  readonly shared: SharedSlots | undefined;
  /** Of the pipeline, in milliseconds: for processes without one of their own. */
  readonly grace: number;
  readonly epoch: number;
  version(): number;
  logger(process: string): Logger;
  /** What routing makes of an event that a process emits. */
  append(event: EventRecord): Append;
  /** A run may have become final. */
  progress(): void;
  /** A process asked to be paused (it learned that its target is gone). */
  pause(process: string): void;
}

/**
 * Ends that wait to be durable, at most: beyond it no run is taken. It bounds memory when the journal cannot write,
 * and how many runs an unclean stop leaves in doubt (`Work.suspects` goes as far back).
 */
const UNSETTLED_LIMIT = 1_000;
const OPEN_AGAIN = { initial: 500, max: 30_000, factor: 2 };

/** Gives the due runs of one process to it: as many at a time as it may have, each as an attempt of its own. */
export class Lane {
  readonly name: string;
  readonly process: Process;
  readonly settings: ResolvedProcessSettings;
  readonly #host: LaneHost;
  readonly #running = new Set<Attempt>();
  /** Taken, but without a slot of the total limit. */
  readonly #pending: Claim[] = [];
  readonly #rate: RateLimit | undefined;
  #zombies = 0;
  #unsettled = 0;
  #taking: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #quiet: (() => void)[] = [];
  #paused = false;
  #stopped = false;
  #opened = false;
  #opening: Promise<boolean> | undefined;

  constructor(host: LaneHost, process: Process, settings: ResolvedProcessSettings) {
    this.name = process.name;
    this.process = process;
    this.settings = settings;
    this.#host = host;
    this.#paused = !settings.enabled;
    if (settings.rate !== undefined) this.#rate = new RateLimit(settings.rate, host.clock);
    host.shared?.join();
  }

  get running(): number {
    return this.#running.size;
  }

  get abandoned(): number {
    return this.#zombies;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  start(): void {
    this.#loop = this.#take().catch((error: unknown) => {
      this.#host.errors.reportThrown(error, "JOURNAL_IO", `process "${this.name}" stopped taking runs`);
    });
  }

  /** No further run begins; what runs goes on. */
  pause(): void {
    this.#paused = true;
    this.#taking?.abort();
    for (const claim of this.#pending.splice(0)) this.#release(claim);
  }

  resume(): void {
    this.#paused = false;
    this.#signalRoom();
  }

  /** Aborts the attempt with this fence, if it is here. */
  cancel(fence: number, message: string): void {
    const pending = this.#pending.findIndex((claim) => claim.fence === fence);
    if (pending >= 0) this.#pending.splice(pending, 1);
    for (const attempt of this.#running) {
      if (attempt.fence === fence) this.#abort(attempt, "cancelled", new SluiceError("CANCELLED", message));
    }
  }

  /** Runs one claim that was not taken by the lane itself; resolves once its outcome is durable. */
  async runAlone(claim: Claim): Promise<void> {
    if (!(await this.#open())) return;
    await new Promise<void>((resolve) => this.#begin(claim, resolve));
  }

  /** Takes nothing more. Resolves when the loop has ended. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#taking?.abort();
    this.#signalRoom();
    for (const claim of this.#pending.splice(0)) this.#release(claim);
    await this.#loop;
  }

  /** Resolves when nothing runs any more. */
  quiet(): Promise<void> {
    return this.#running.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#quiet.push(resolve));
  }

  /** Tells what still runs to end: the host shuts down. */
  abortAll(reason: SluiceError): void {
    for (const attempt of this.#running) attempt.abort("shutdown", reason);
  }

  /** Hands back what did not end, and lets go of what the process holds. */
  async dispose(): Promise<void> {
    for (const attempt of this.#running) this.#end(attempt, { type: "abandoned" });
    this.#host.shared?.leave();
    if (!this.#opened) return;
    try {
      await this.process.close?.();
    } catch (error) {
      this.#host.errors.reportThrown(error, "RUN_FAILED", `process "${this.name}" could not be closed`);
    }
  }

  slotFreed(): void {
    this.#startPending();
  }

  async #take(): Promise<void> {
    while (!this.#stopped) {
      const room = this.#room();
      if (room === 0) {
        await this.#waitForRoom();
        continue;
      }
      if (!this.#opened && !(await this.#open())) continue;
      this.#taking = new AbortController();
      const claims = await this.#host.work.take(this.name, room, this.#taking.signal);
      if (this.#stopped || this.#paused) {
        for (const claim of claims) this.#release(claim);
        continue;
      }
      for (const claim of claims) {
        this.#rate?.spend();
        if (this.#host.shared === undefined) this.#begin(claim);
        else this.#pending.push(claim);
      }
      this.#startPending();
    }
  }

  /** How many runs may be taken now. */
  #room(): number {
    if (this.#paused || this.#unsettled >= UNSETTLED_LIMIT) return 0;
    const free = this.settings.concurrency - this.#running.size - this.#pending.length;
    return free > 0 && this.#rate !== undefined ? this.#rate.available(free) : Math.max(0, free);
  }

  async #waitForRoom(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const full = this.#running.size + this.#pending.length >= this.settings.concurrency;
      if (!this.#paused && !full && this.#rate !== undefined) {
        timer = this.#host.clock.setTimer(this.#rate.delay(), resolve);
      }
    });
    timer?.cancel();
  }

  #signalRoom(): void {
    const wake = this.#wake;
    if (wake === undefined) return;
    this.#wake = undefined;
    wake();
  }

  /** Opens the process once, however many ask. Answers `false` if the lane stopped before that worked. */
  #open(): Promise<boolean> {
    return (this.#opening ??= this.#tryToOpen());
  }

  async #tryToOpen(): Promise<boolean> {
    for (let failures = 1; !this.#stopped; failures += 1) {
      try {
        const { pipeline, journalId, epoch } = this.#host;
        await this.process.open?.({ pipeline, journalId, epoch, log: this.#host.logger(this.name) });
        this.#opened = true;
        return true;
      } catch (error) {
        this.#host.errors.reportThrown(error, "RUN_FAILED", `process "${this.name}" could not be opened; trying again`);
        await sleep(this.#host.clock, backOff(OPEN_AGAIN, failures));
      }
    }
    return false;
  }

  #startPending(): void {
    const { shared } = this.#host;
    while (this.#pending.length > 0) {
      if (this.#running.size > 0 && shared?.tryTake(this) === false) return;
      this.#begin(this.#pending.shift() as Claim);
    }
  }

  #begin(claim: Claim, onSettled?: () => void): void {
    const { timeout } = this.settings;
    const attempt = new Attempt(this.#host, claim, timeout, this.#host.version());
    attempt.onSettled = onSettled;
    this.#running.add(attempt);
    if (timeout !== undefined) {
      attempt.timer = this.#host.clock.setTimer(timeout, () =>
        this.#abort(attempt, "timeout", new SluiceError("TIMEOUT", `the attempt took longer than its time-out of ${timeout} ms`)),
      );
    }
    if (attemptStarted.hasSubscribers) attemptStarted.publish(this.#describe(attempt));
    let result: Promise<ProcessStatus | void> | ProcessStatus | void;
    try {
      result = this.process.run(toEvent(claim.event), attempt);
    } catch (error) {
      this.#end(attempt, { type: "rejected", error });
      return;
    }
    if (!isPromise(result)) {
      this.#end(attempt, { type: "resolved", status: result ?? undefined });
      return;
    }
    result.then(
      (status) => this.#end(attempt, { type: "resolved", status: status ?? undefined }),
      (error: unknown) => this.#end(attempt, { type: "rejected", error }),
    );
  }

  #abort(attempt: Attempt, kind: AbortKind, reason: SluiceError): void {
    if (attempt.abortKind !== undefined) return;
    attempt.abort(kind, reason);
    attempt.timer?.cancel();
    const grace = this.settings.grace ?? this.#host.grace;
    attempt.timer = this.#host.clock.setTimer(grace, () => this.#end(attempt, { type: "abandoned" }));
  }

  #end(attempt: Attempt, ending: Ending): void {
    if (attempt.abandoned) {
      this.#buryZombie(attempt);
      return;
    }
    const outcome = this.#decide(attempt, ending);
    const settle = this.#settle(attempt, outcome);
    attempt.abandoned = ending.type === "abandoned";
    attempt.end();
    this.#running.delete(attempt);
    if (this.#host.shared !== undefined && this.#running.size > 0) this.#host.shared.give();
    this.#unsettled += 1;
    if (attempt.abandoned) this.#raiseZombie(attempt, settle);
    else this.#write(attempt, settle);
    this.#signalRoom();
    if (this.#running.size === 0 && this.#quiet.length > 0) for (const resolve of this.#quiet.splice(0)) resolve();
  }

  #decide(attempt: Attempt, ending: Ending): Outcome {
    if (ending.type === "rejected" && (ending.error as { pauseProcess?: unknown } | null)?.pauseProcess === true) {
      this.#host.pause(this.name);
    }
    if (ending.type === "resolved") for (const line of ending.status?.logs ?? []) attempt.log(line);
    return outcomeOf(attempt, ending, this.settings, this.#host.random);
  }

  #settle(attempt: Attempt, outcome: Outcome): Settle {
    const settle = {
      claim: attempt.claim,
      startedAt: attempt.startedAt,
      finishedAt: this.#host.clock.now(),
      version: attempt.version,
      outcome,
    };
    if (attempt.held === undefined || outcome.type !== "succeeded") return settle;
    return { ...settle, emitted: attempt.held.map((event) => this.#host.append(event)) };
  }

  #write(attempt: Attempt, settle: Settle): void {
    this.#host.settler.settle(settle, {
      settled: (_, result) => {
        this.#unsettled -= 1;
        if (this.#unsettled === UNSETTLED_LIMIT - 1) this.#signalRoom();
        if (attemptEnded.hasSubscribers) this.#publishEnd(attempt, settle, result);
        attempt.onSettled?.();
        this.#host.progress();
      },
    });
  }

  /** Under `order = "key"` the key waits until the attempt really ends, so its outcome is kept back until then. */
  #raiseZombie(attempt: Attempt, settle: Settle): void {
    this.#zombies += 1;
    const message = `an attempt of process "${this.name}" ignored its signal and was abandoned`;
    this.#host.errors.report(new SluiceError("ABANDONED", message, { details: { run: attempt.run.id } }));
    if (this.settings.ordered && !this.#stopped) this.#held.set(attempt, settle);
    else this.#write(attempt, settle);
  }

  readonly #held = new Map<Attempt, Settle>();

  #buryZombie(attempt: Attempt): void {
    this.#zombies -= 1;
    const settle = this.#held.get(attempt);
    if (settle === undefined) return;
    this.#held.delete(attempt);
    this.#write(attempt, settle);
  }

  #release(claim: Claim): void {
    const now = this.#host.clock.now();
    const settle: Settle = { claim, startedAt: now, finishedAt: now, version: this.#host.version(), outcome: { type: "released" } };
    this.#host.settler.settle(settle, { settled: () => undefined });
  }

  #describe(attempt: Attempt): { pipeline: string; process: string; run: string; attempt: number; event: Claim["event"] } {
    const { claim } = attempt;
    return { pipeline: this.#host.pipeline, process: this.name, run: attempt.run.id, attempt: claim.attempt, event: claim.event };
  }

  #publishEnd(attempt: Attempt, settle: Settle, result: "settled" | "stale"): void {
    const { outcome } = settle;
    const abandoned = "abandoned" in outcome && outcome.abandoned === true;
    const named = outcome.type === "retry" || outcome.type === "dead" ? "failed" : outcome.type;
    attemptEnded.publish({
      ...this.#describe(attempt),
      outcome: result === "stale" ? "cancelled" : abandoned ? "abandoned" : named,
      duration: settle.finishedAt - settle.startedAt,
      error: "error" in outcome ? toErrorRecord(outcome.error) : null,
      final: outcome.type !== "retry" && outcome.type !== "released",
    });
  }
}

function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value;
}
