import { sleep, type Timer } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import { isSluiceError, type SluiceError } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { Claim, Work } from "../journal/work.ts";
import { RateLimit } from "./rate-limit.ts";
import { backOff } from "./retry-policy.ts";
import { Runner, type RunnerHost } from "./runner.ts";
import type { ResolvedProcessSettings } from "./settings.ts";
import type { SharedSlots } from "./shared-slots.ts";

/** What all lanes of an engine have in common. */
export interface LaneHost extends RunnerHost {
  readonly work: Work;
  readonly epoch: number;
  /** The slots under a total limit; `undefined` without one. */
  readonly shared: SharedSlots | undefined;
  logger(process: string): Logger;
}

/**
 * Ends that wait to be durable, at most: beyond it no run is taken. It bounds memory when the journal cannot write,
 * and how many runs an unclean stop leaves in doubt (`Work.suspects` goes as far back).
 */
const UNSETTLED_LIMIT = 1_000;
const OPEN_AGAIN = { initial: 500, max: 30_000, factor: 2 };
const TAKE_AGAIN = { initial: 50, max: 5_000, factor: 2 };

/** Takes the due runs of one process, as many at a time as it may have. */
export class Lane {
  readonly name: string;
  readonly process: Process;
  readonly settings: ResolvedProcessSettings;
  readonly #host: LaneHost;
  readonly #runner: Runner;
  /** Taken, but without a slot of the total limit. */
  readonly #pending: Claim[] = [];
  /** Fences of claims that were cancelled while they were on their way here. */
  readonly #cancelled = new Set<number>();
  readonly #rate: RateLimit | undefined;
  /** Ends the current wait for a due run: the lane is paused or closed. */
  #taking = new AbortController();
  readonly #closing = new AbortController();
  /** Slots of the total limit that it holds, beyond the one of its own. */
  #borrowed = 0;
  #isStarting = false;
  #loop: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #paused: boolean;
  #opened = false;
  #disposed = false;
  #opening: Promise<boolean> | undefined;

  constructor(host: LaneHost, process: Process, settings: ResolvedProcessSettings) {
    this.name = process.name;
    this.process = process;
    this.settings = settings;
    this.#host = host;
    this.#runner = new Runner(host, process, settings, this);
    this.#paused = !settings.enabled;
    this.#rate = settings.rate && new RateLimit(settings.rate, host.clock);
    host.shared?.join();
  }

  get running(): number {
    return this.#runner.running;
  }

  get abandoned(): number {
    return this.#runner.abandoned;
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
    this.#taking.abort();
    this.#releasePending();
  }

  resume(): void {
    // The signal of a wait that is under way must stay the one that a pause or a stop aborts.
    if (!this.#paused) return;
    this.#paused = false;
    this.#taking = new AbortController();
    this.#signalRoom();
  }

  /** Aborts the attempt with this fence, if it is here. */
  cancel(fence: number, message: string): void {
    const index = this.#pending.findIndex((claim) => claim.fence === fence);
    // A cancelled claim is settled all the same: only then does the next run of its key go on.
    if (index >= 0) this.#runner.release(this.#pending.splice(index, 1)[0] as Claim);
    else if (!this.#runner.cancel(fence, message)) this.#cancelled.add(fence);
  }

  /** Whether one more may start now, within its own slot of the total limit. */
  get hasRoom(): boolean {
    return this.#room() > 0 && (this.#host.shared === undefined || this.#runner.running === 0);
  }

  /** Runs one claim that was not taken by the lane itself; resolves once its outcome is durable. */
  async runAlone(claim: Claim): Promise<void> {
    const isOpen = await this.#open();
    // It may have been cancelled, and the lane paused or closed, since the claim was asked for.
    const isUnwanted = this.#cancelled.delete(claim.fence) || this.#taking.signal.aborted;
    if (!isOpen || isUnwanted) this.#runner.release(claim);
    else await new Promise<void>((resolve) => this.#begin(claim, resolve));
  }

  /** Takes nothing more; what runs goes on. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#taking.abort();
    this.#signalRoom();
    this.#releasePending();
    await this.#loop;
  }

  /** Resolves when nothing runs any more. */
  quiet(): Promise<void> {
    return this.#runner.quiet();
  }

  /** Tells what still runs to end: the host shuts down. */
  abortAll(reason: SluiceError): void {
    this.#runner.abortAll(reason);
  }

  /** Hands back what did not end, abandoned attempts too: their host ends. */
  abandonAll(): void {
    this.#runner.abandonAll();
  }

  /** Lets go of what the process holds. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#host.shared?.leave();
    if (this.#opened) await this.#closeProcess();
  }

  async #closeProcess(): Promise<void> {
    try {
      await this.process.close?.();
    } catch (error) {
      this.#host.errors.reportThrown(error, "RUN_FAILED", `process "${this.name}" could not be closed`);
    }
  }

  slotFreed(): void {
    this.#startPending();
  }

  attemptEnded(): void {
    if (this.#borrowed > 0 && this.#borrowed >= this.#runner.running) {
      this.#borrowed -= 1;
      this.#host.shared?.give();
    }
    if (this.#pending.length > 0) this.#startPending();
    this.#signalRoom();
  }

  attemptSettled(): void {
    if (this.#runner.unsettled === UNSETTLED_LIMIT - 1) this.#signalRoom();
  }

  async #take(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const room = this.#room();
      if (room === 0) {
        await this.#waitForRoom();
        continue;
      }
      if (!this.#opened && !(await this.#open())) continue;
      this.#start(await this.#takeSome(room));
    }
  }

  /** A journal that cannot read now is asked again: a lane that gave up would stand still without a word. */
  async #takeSome(room: number): Promise<readonly Claim[]> {
    for (let failures = 1; ; failures += 1) {
      const { signal } = this.#taking;
      try {
        return await this.#host.work.take(this.name, room, signal);
      } catch (error) {
        if (isSluiceError(error, "JOURNAL_CLOSED")) throw error;
        this.#host.errors.reportThrown(error, "JOURNAL_IO", `no runs of "${this.name}" can be taken now`);
        await sleep(this.#host.clock, backOff(TAKE_AGAIN, failures), signal);
        if (signal.aborted) return [];
      }
    }
  }

  #start(claims: readonly Claim[]): void {
    for (const claim of claims) {
      if (this.#taking.signal.aborted || this.#cancelled.has(claim.fence)) this.#runner.release(claim);
      else if (this.#host.shared === undefined) this.#begin(claim);
      else this.#pending.push(claim);
    }
    if (this.#cancelled.size > 0) this.#cancelled.clear();
    this.#startPending();
  }

  #begin(claim: Claim, onSettled?: () => void): void {
    this.#rate?.spend();
    this.#runner.begin(claim, onSettled);
  }

  #startPending(): void {
    // A run that ends while it begins calls back: the loop below goes on by itself, without growing the stack.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#pending.length > 0 && this.#tryTakeSlot()) this.#begin(this.#pending.shift() as Claim);
    this.#isStarting = false;
  }

  /** The first run stands in the lane's own slot, further ones in slots that all lanes share. */
  #tryTakeSlot(): boolean {
    if (this.#runner.running === 0) return true;
    if (this.#host.shared?.tryTake(this) !== true) return false;
    this.#borrowed += 1;
    return true;
  }

  #releasePending(): void {
    for (const claim of this.#pending.splice(0)) this.#runner.release(claim);
  }

  /** How many runs may be taken now. */
  #room(): number {
    if (this.#paused || this.#runner.unsettled >= UNSETTLED_LIMIT) return 0;
    const free = this.#free();
    if (this.#rate === undefined) return free;
    // What waits for a slot has its start coming.
    const pending = this.#pending.length;
    return Math.max(0, this.#rate.available(free + pending) - pending);
  }

  #free(): number {
    return Math.max(0, this.settings.concurrency - this.#runner.running - this.#pending.length);
  }

  async #waitForRoom(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const waitsForRate = this.#rate !== undefined && !this.#paused && this.#free() > 0;
      if (waitsForRate)
        timer = this.#host.clock.setTimer(this.#rate?.delay(this.#pending.length) ?? 0, resolve);
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
    const { pipeline, journalId, epoch } = this.#host;
    const owner = { pipeline, journalId, epoch, log: this.#host.logger(this.name) };
    for (let failures = 1; !this.#closing.signal.aborted; failures += 1) {
      try {
        await this.process.open?.(owner);
        if (this.#disposed) {
          await this.#closeProcess();
          return false;
        }
        this.#opened = true;
        return true;
      } catch (error) {
        this.#host.errors.reportThrown(
          error,
          "RUN_FAILED",
          `process "${this.name}" could not be opened; trying again`,
        );
        await sleep(this.#host.clock, backOff(OPEN_AGAIN, failures), this.#closing.signal);
      }
    }
    return false;
  }
}
