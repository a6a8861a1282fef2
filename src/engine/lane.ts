import { sleep, type Timer } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import { isSluiceError, type ErrorRecord, type SluiceError } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { Claim, Work } from "../journal/work.ts";
import { Hold } from "./hold.ts";
import { Opening } from "./opening.ts";
import { RateLimit } from "./rate-limit.ts";
import { backOff } from "./retry-policy.ts";
import { Runner, type RunnerHost } from "./runner.ts";
import type { ResolvedProcessSettings } from "./settings.ts";
import type { SharedSlots } from "./shared-slots.ts";
import { SlotQueue } from "./slot-queue.ts";

/** What all lanes of an engine have in common. */
export interface LaneHost extends RunnerHost {
  /** The pipeline's current version. */
  version(): number;
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
const TAKE_AGAIN = { initial: 50, max: 5_000, factor: 2 };

/** Takes the due runs of one process, as many at a time as it may have. */
export class Lane {
  readonly name: string;
  readonly #host: LaneHost;
  #process: Process;
  #settings: ResolvedProcessSettings;
  #runner: Runner;
  #opening: Opening;
  #hold: Hold;
  /** Of processes that this lane had before, with attempts that still run: those end as they began. */
  readonly #former = new Set<Runner>();
  /** Where claims wait under a total limit; `undefined` without one. */
  readonly #slots: SlotQueue | undefined;
  /** Fences of claims that were cancelled while they were on their way here. */
  readonly #cancelled = new Set<number>();
  #rate: RateLimit | undefined;
  /** Ends the current wait for a due run: the lane is paused or closed. */
  #taking = new AbortController();
  readonly #closing = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #paused: boolean;
  /** Of a process that is on its way out: the last version that had it. */
  #lastVersion: number | undefined;
  #isGone = false;

  constructor(
    host: LaneHost,
    process: Process,
    settings: ResolvedProcessSettings,
    opening: Opening = createOpening(host, process),
  ) {
    this.name = process.name;
    this.#process = process;
    this.#settings = settings;
    this.#host = host;
    this.#runner = new Runner(host, process, settings, this);
    this.#paused = !settings.enabled;
    this.#hold = new Hold(host.clock);
    this.#rate = settings.rate && new RateLimit(settings.rate, host.clock);
    this.#slots = host.shared && new SlotQueue(host.shared, this);
    this.#opening = opening;
  }

  get process(): Process {
    return this.#process;
  }

  get settings(): ResolvedProcessSettings {
    return this.#settings;
  }

  get running(): number {
    return this.#sum((runner) => runner.running);
  }

  get abandoned(): number {
    return this.#sum((runner) => runner.abandoned);
  }

  get #unsettled(): number {
    return this.#sum((runner) => runner.unsettled);
  }

  /** Adds up over the process that it has and those that it had; mostly there is one. */
  #sum(count: (runner: Runner) => number): number {
    let sum = count(this.#runner);
    if (this.#former.size > 0) for (const runner of this.#former) sum += count(runner);
    return sum;
  }

  /**
   * Takes another process, which is open already, in the place of the one it has. Attempts that run end with the
   * process that they began with, and count against the new concurrency; whatever begins from now on has the new one.
   *
   * @param paused whether an operator paused it
   */
  replace(process: Process, settings: ResolvedProcessSettings, opening: Opening, paused: boolean): void {
    const [runner, former] = [this.#runner, this.#opening];
    const wasEnabled = this.#settings.enabled;
    this.#process = process;
    this.#settings = settings;
    this.#runner = new Runner(this.#host, process, settings, this);
    this.#opening = opening;
    this.#hold = new Hold(this.#host.clock);
    this.#rate = settings.rate && new RateLimit(settings.rate, this.#host.clock);
    this.#lastVersion = undefined;
    this.#former.add(runner);
    former.stop();
    void this.#endFormer(runner, former);
    // What was taken for the other one is handed back, and asked for anew: this one may take more, or less.
    this.#releasePending();
    this.#taking.abort();
    this.#taking = new AbortController();
    if (settings.enabled !== wasEnabled) this.#paused = paused || !settings.enabled;
    if (this.#paused) this.pause();
    this.#signalRoom();
  }

  async #endFormer(runner: Runner, opening: Opening): Promise<void> {
    await runner.quiet();
    if (runner.abandoned === 0) this.#former.delete(runner);
    await opening.dispose();
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Whether no run starts for a while: it could not be opened, or said that what all runs need is out of order. */
  get isBackingOff(): boolean {
    return this.#opening.isBackingOff || this.isHeld;
  }

  get isHeld(): boolean {
    return this.#hold.remaining > 0;
  }

  /** Why it is held, or could not be opened the last time; `null` if neither was. */
  get lastError(): ErrorRecord | null {
    return this.#hold.reason ?? this.#opening.lastError;
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
    const pending = this.#slots?.remove(fence);
    // A cancelled claim is settled all the same: only then does the next run of its key go on.
    if (pending !== undefined) this.#runner.release(pending);
    else if (!this.#runners().some((runner) => runner.cancel(fence, message))) this.#cancelled.add(fence);
  }

  /** Whether one more may start now, within its own slot of the total limit. */
  get hasRoom(): boolean {
    return this.#room() > 0 && (this.#slots === undefined || this.running === 0);
  }

  /** Runs one claim that was not taken by the lane itself; resolves once its outcome is durable. */
  async runAlone(claim: Claim): Promise<void> {
    const isOpen = await this.#opening.open();
    // It may have been cancelled, and the lane paused or closed, since the claim was asked for.
    const isUnwanted = this.#cancelled.delete(claim.fence) || this.#taking.signal.aborted;
    if (!isOpen || isUnwanted) this.#runner.release(claim);
    else await new Promise<void>((resolve) => this.begin(claim, resolve));
  }

  /** Takes nothing more; what runs goes on. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#opening.stop();
    this.#taking.abort();
    this.#signalRoom();
    this.#releasePending();
    await this.#loop;
  }

  /** Resolves when nothing runs any more. */
  async quiet(): Promise<void> {
    await Promise.all(this.#runners().map((runner) => runner.quiet()));
  }

  /** Tells what still runs to end: the host shuts down. */
  abortAll(reason: SluiceError): void {
    for (const runner of this.#runners()) runner.abortAll(reason);
  }

  /** Hands back what did not end, abandoned attempts too: their host ends. */
  abandonAll(): void {
    for (const runner of this.#runners()) runner.abandonAll();
  }

  /** Lets go of what the process holds. */
  async dispose(): Promise<void> {
    if (!this.#isGone) this.#slots?.leave();
    this.#isGone = true;
    await this.#opening.dispose();
  }

  #runners(): readonly Runner[] {
    return [this.#runner, ...this.#former];
  }

  version(): number {
    return this.#lastVersion ?? this.#host.version();
  }

  /** Its process is on its way out: what it still runs, it runs under the last version that had it. */
  retire(lastVersion: number): void {
    this.#lastVersion ??= lastVersion;
  }

  attemptEnded(): void {
    this.#slots?.attemptEnded();
    this.#signalRoom();
  }

  attemptSettled(): void {
    if (this.#unsettled === UNSETTLED_LIMIT - 1) this.#signalRoom();
  }

  hold(delay: number, reason: ErrorRecord): void {
    this.#hold.begin(delay, reason);
  }

  async #take(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const room = this.#room();
      if (room === 0) {
        await this.#waitForRoom();
        continue;
      }
      if (!this.#opening.isOpen && !(await this.#opening.open())) continue;
      const { signal } = this.#taking;
      this.#start(await this.#takeSome(room, signal), signal);
    }
  }

  /** A journal that cannot read now is asked again: a lane that gave up would stand still without a word. */
  async #takeSome(room: number, signal: AbortSignal): Promise<readonly Claim[]> {
    for (let failures = 1; ; failures += 1) {
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

  #start(claims: readonly Claim[], signal: AbortSignal): void {
    for (const claim of claims) {
      if (signal.aborted || this.#cancelled.has(claim.fence)) this.#runner.release(claim);
      else if (this.#slots === undefined) this.begin(claim);
      else this.#slots.add(claim);
    }
    if (this.#cancelled.size > 0) this.#cancelled.clear();
    this.#slots?.start();
  }

  /** Begins a claim that has its slot. */
  begin(claim: Claim, onSettled?: () => void): void {
    this.#rate?.spend();
    this.#runner.begin(claim, onSettled);
  }

  #releasePending(): void {
    for (const claim of this.#slots?.clear() ?? []) this.#runner.release(claim);
  }

  /** How many runs may be taken now. */
  #room(): number {
    if (this.#paused || this.isHeld || this.#unsettled >= UNSETTLED_LIMIT) return 0;
    const free = this.#free();
    if (this.#rate === undefined) return free;
    // What waits for a slot has its start coming.
    const pending = this.#pending;
    return Math.max(0, this.#rate.available(free + pending) - pending);
  }

  #free(): number {
    return Math.max(0, this.#settings.concurrency - this.running - this.#pending);
  }

  /** Taken, but without a slot of the total limit. */
  get #pending(): number {
    return this.#slots === undefined ? 0 : this.#slots.size;
  }

  async #waitForRoom(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      // The rest ends by a signal; what remains is the rate, or that it is held.
      if (this.#paused || this.#free() === 0 || this.#unsettled >= UNSETTLED_LIMIT) return;
      const delay = Math.max(this.#hold.remaining, this.#rate?.delay(this.#pending) ?? 0);
      timer = this.#host.clock.setTimer(delay, resolve);
    });
    timer?.cancel();
  }

  #signalRoom(): void {
    const wake = this.#wake;
    if (wake === undefined) return;
    this.#wake = undefined;
    wake();
  }
}

/** What opens a process, and lets go of it. */
export function createOpening(host: LaneHost, process: Process): Opening {
  const { pipeline, journalId, epoch, clock, errors, redact } = host;
  const owner = { pipeline, journalId, epoch, log: host.logger(process.name) };
  return new Opening({ process, owner, clock, errors, redact });
}
