import { sleep, type Timer } from "../model/clock.ts";
import { isSluiceError, type ErrorRecord, type SluiceError } from "../model/errors.ts";
import type { Claim, Work } from "../journal/work.ts";
import type { RegisteredProcess } from "./components.ts";
import { Occupant } from "./occupant.ts";
import type { Opening, OpeningHost } from "./opening.ts";
import { backOff } from "./retry-policy.ts";
import { Runner, type RunnerHost, type RunnerListener } from "./runner.ts";
import type { SharedSlots } from "./shared-slots.ts";
import { SlotQueue, type SlotUser } from "./slot-queue.ts";

/** What all lanes of an engine have in common. */
export interface LaneHost extends RunnerHost, OpeningHost {
  /** The pipeline's current version. */
  version(): number;
  readonly work: Work;
  /** The slots under a total limit; `undefined` without one. */
  readonly shared: SharedSlots | undefined;
}

/**
 * Ends that wait to be durable, at most: beyond it no run is taken. It bounds memory when the journal cannot write,
 * and how many runs an unclean stop leaves in doubt (`Work.suspects` goes as far back).
 */
const UNSETTLED_LIMIT = 1_000;
const TAKE_AGAIN = { initial: 50, max: 5_000, factor: 2 };

/** Takes the due runs of one process, as many at a time as it may have. */
export class Lane implements RunnerListener, SlotUser {
  readonly name: string;
  readonly #host: LaneHost;
  #occupant: Occupant;
  readonly #runner: Runner;
  /** Where claims wait under a total limit; `undefined` without one. */
  readonly #slots: SlotQueue | undefined;
  /** Fences of claims that were cancelled while they were on their way here. */
  readonly #cancelled = new Set<number>();
  /** Ends the current wait for a due run: the lane is paused or closed. */
  #taking = new AbortController();
  readonly #closing = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #paused: boolean;
  /** Of a process that is on its way out: the last version that had it. */
  #lastVersion: number | undefined;
  #isGone = false;

  constructor(host: LaneHost, registered: RegisteredProcess, opening: Opening) {
    this.name = registered.process.name;
    this.#host = host;
    this.#occupant = new Occupant(registered, opening, host.clock);
    this.#runner = new Runner(host, this);
    this.#paused = !registered.settings.enabled;
    this.#slots = host.shared && new SlotQueue(host.shared, this);
  }

  /** The process that it has now. */
  get occupant(): Occupant {
    return this.#occupant;
  }

  get running(): number {
    return this.#runner.running;
  }

  get abandoned(): number {
    return this.#runner.abandoned;
  }

  /**
   * Takes another process, which is open already, in the place of the one it has. Attempts that run end with the
   * process that they began with, and count against the new concurrency; whatever begins from now on has the new one.
   *
   * @param paused whether an operator paused it
   */
  replace(registered: RegisteredProcess, opening: Opening, paused: boolean): void {
    const former = this.#occupant;
    const { enabled } = registered.settings;
    this.#occupant = new Occupant(registered, opening, this.#host.clock);
    this.#lastVersion = undefined;
    void former.leave();
    // What was taken for the other one is handed back, and asked for anew: this one may take more, or less.
    this.#releasePending();
    this.#taking.abort();
    this.#taking = new AbortController();
    if (enabled !== former.settings.enabled) this.#paused = paused || !enabled;
    if (this.#paused) this.pause();
    this.#signalRoom();
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
    const pending = this.#slots?.remove(fence);
    // A cancelled claim is settled all the same: only then does the next run of its key go on.
    if (pending !== undefined) this.#runner.release(pending);
    else if (!this.#runner.cancel(fence, message)) this.#cancelled.add(fence);
  }

  /** Whether one more may start now, within its own slot of the total limit. */
  get hasRoom(): boolean {
    return this.#room() > 0 && (this.#slots === undefined || this.running === 0);
  }

  /** Runs one claim that was not taken by the lane itself; resolves once its outcome is durable. */
  async runAlone(claim: Claim): Promise<void> {
    const isOpen = await this.#occupant.opening.open();
    // It may have been cancelled, and the lane paused or closed, since the claim was asked for.
    const isUnwanted = this.#cancelled.delete(claim.fence) || this.#taking.signal.aborted;
    if (!isOpen || isUnwanted) this.#runner.release(claim);
    else await new Promise<void>((resolve) => this.begin(claim, resolve));
  }

  /** Takes nothing more; what runs goes on. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#occupant.opening.stop();
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
    if (!this.#isGone) this.#slots?.leave();
    this.#isGone = true;
    await this.#occupant.opening.dispose();
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
    if (this.#runner.unsettled === UNSETTLED_LIMIT - 1) this.#signalRoom();
  }

  hold(delay: number, reason: ErrorRecord): void {
    this.#occupant.hold(delay, reason);
  }

  async #take(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const room = this.#room();
      if (room === 0) {
        await this.#waitForRoom();
        continue;
      }
      const { opening } = this.#occupant;
      if (!opening.isOpen && !(await opening.open())) continue;
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
    this.#runner.begin(claim, this.#occupant, onSettled);
  }

  #releasePending(): void {
    for (const claim of this.#slots?.clear() ?? []) this.#runner.release(claim);
  }

  /** How many runs may be taken now. */
  #room(): number {
    if (this.#paused || this.#occupant.isHeld || this.#runner.unsettled >= UNSETTLED_LIMIT) return 0;
    return this.#occupant.available(this.#free(), this.#pending);
  }

  #free(): number {
    return Math.max(0, this.#occupant.settings.concurrency - this.running - this.#pending);
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
      if (this.#paused || this.#free() === 0 || this.#runner.unsettled >= UNSETTLED_LIMIT) return;
      timer = this.#host.clock.setTimer(this.#occupant.delay(this.#pending), resolve);
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
