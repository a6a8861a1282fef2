import { sleep, type Timer } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import type { SluiceError } from "../model/errors.ts";
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

/** Takes the due runs of one process, as many at a time as it may have. */
export class Lane {
  readonly name: string;
  readonly process: Process;
  readonly settings: ResolvedProcessSettings;
  readonly #host: LaneHost;
  readonly #runner: Runner;
  /** Taken, but without a slot of the total limit. */
  readonly #pending: Claim[] = [];
  readonly #rate: RateLimit | undefined;
  /** Ends the current wait for a due run: the lane is paused or closed. */
  #taking = new AbortController();
  readonly #closing = new AbortController();
  /** Slots of the total limit that it holds, beyond the one of its own. */
  #borrowed = 0;
  #loop: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #paused: boolean;
  #opened = false;
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
    this.#paused = false;
    this.#taking = new AbortController();
    this.#signalRoom();
  }

  /** Aborts the attempt with this fence, if it is here. */
  cancel(fence: number, message: string): void {
    const pending = this.#pending.findIndex((claim) => claim.fence === fence);
    if (pending >= 0) this.#pending.splice(pending, 1);
    this.#runner.cancel(fence, message);
  }

  /** Runs one claim that was not taken by the lane itself; resolves once its outcome is durable. */
  async runAlone(claim: Claim): Promise<void> {
    if (!(await this.#open())) return;
    await new Promise<void>((resolve) => this.#runner.begin(claim, resolve));
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

  /** Hands back what did not end, and lets go of what the process holds. */
  async dispose(): Promise<void> {
    this.#runner.abandonAll();
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

  attemptEnded(): void {
    if (this.#borrowed > 0 && this.#borrowed >= this.#runner.running) {
      this.#borrowed -= 1;
      this.#host.shared?.give();
    }
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
      this.#start(await this.#host.work.take(this.name, room, this.#taking.signal));
    }
  }

  #start(claims: readonly Claim[]): void {
    for (const claim of claims) {
      this.#rate?.spend();
      if (this.#taking.signal.aborted) this.#runner.release(claim);
      else if (this.#host.shared === undefined) this.#runner.begin(claim);
      else this.#pending.push(claim);
    }
    this.#startPending();
  }

  #startPending(): void {
    while (this.#pending.length > 0) {
      if (this.#runner.running > 0) {
        if (this.#host.shared?.tryTake(this) !== true) return;
        this.#borrowed += 1;
      }
      this.#runner.begin(this.#pending.shift() as Claim);
    }
  }

  #releasePending(): void {
    for (const claim of this.#pending.splice(0)) this.#runner.release(claim);
  }

  /** How many runs may be taken now. */
  #room(): number {
    if (this.#paused || this.#runner.unsettled >= UNSETTLED_LIMIT) return 0;
    const free = this.#free();
    return this.#rate === undefined ? free : this.#rate.available(free);
  }

  #free(): number {
    return Math.max(0, this.settings.concurrency - this.#runner.running - this.#pending.length);
  }

  async #waitForRoom(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const waitsForRate = this.#rate !== undefined && !this.#paused && this.#free() > 0;
      if (waitsForRate) timer = this.#host.clock.setTimer(this.#rate?.delay() ?? 0, resolve);
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
