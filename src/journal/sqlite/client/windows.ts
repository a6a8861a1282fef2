import type { Clock, Timer } from "../../../model/clock.ts";
import { SluiceError } from "../../../model/errors.ts";
import type { Claim } from "../../work.ts";
import { fromPlainError } from "../failure.ts";
import type { FromWriter } from "../layout.ts";
import type { Fences } from "./fences.ts";
import { HeldClaim, HeldClaims, type WindowRun } from "./held-claim.ts";
import type { Names } from "./names.ts";
import { parseRuns, type ReadRun } from "./run-parser.ts";
import { Window } from "./window.ts";
import type { WriterLink } from "./writer-link.ts";

/** The longest time for which a timer is set; then it looks again. */
const LONGEST_WAIT = 3_600_000;
/** How far the wall clock may lag behind a timer before it counts as stepped back. */
const TOLERANCE = 50;
/** How long after a read that failed the next one is tried. */
const READ_AGAIN = 1_000;

type Refilled = Extract<FromWriter, { type: "refilled" }>;

/** What may be taken, of all processes: hands it out, reads more of it from disk, wakes who waits. */
export class Windows {
  readonly claims: HeldClaims = new HeldClaims();
  readonly #byProcess = new Map<string, Window>();
  readonly #link: WriterLink;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #onError: (error: SluiceError) => void;
  /** Ids of runs that are being ended from outside. */
  readonly #isBarred: (run: WindowRun) => boolean;
  #withheld: Set<number> | undefined;
  readonly #fences: Fences;
  #timer: Timer | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #closed: SluiceError | undefined;
  /** Windows whose last refill failed. */
  readonly #unread = new Set<Window>();
  #readAgain: Timer | undefined;

  constructor(options: {
    link: WriterLink;
    names: Names;
    clock: Clock;
    fences: Fences;
    isBarred: (run: WindowRun) => boolean;
    onError: (error: SluiceError) => void;
    /** Processes that have runs on disk, and when their first retry is due. */
    lanes: readonly (readonly [number, number | null])[];
  }) {
    this.#link = options.link;
    this.#names = options.names;
    this.#clock = options.clock;
    this.#fences = options.fences;
    this.#isBarred = options.isBarred;
    this.#onError = options.onError;
    for (const [id, nextDue] of options.lanes) {
      const window = new Window(this.#names.name(id), id, false);
      window.nextDue = nextDue ?? Number.POSITIVE_INFINITY;
      this.#byProcess.set(window.process, window);
    }
  }

  /** The highest fence that was given. */
  get fence(): number {
    return this.#fences.last;
  }

  of(process: string): Window {
    let window = this.#byProcess.get(process);
    if (window === undefined) {
      window = new Window(process, this.#names.id(process), true);
      this.#byProcess.set(process, window);
    }
    return window;
  }

  take(process: string, atMost: number, signal: AbortSignal): Promise<Claim[]> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal.aborted || atMost < 1) return Promise.resolve([]);
    const window = this.of(process);
    const claims = this.#claim(window, atMost);
    if (window.needsRefill) this.#refill(window);
    if (claims.length > 0) return Promise.resolve(claims);
    if (window.waiter !== null) {
      return Promise.reject(
        new SluiceError("INVALID_OPTIONS", `runs of "${process}" are being taken already`),
      );
    }
    this.#setTimer();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        window.waiter = null;
        resolve([]);
      };
      window.waiter = {
        atMost,
        resolve(taken) {
          signal.removeEventListener("abort", onAbort);
          resolve(taken);
        },
        reject(error) {
          signal.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  hold(run: WindowRun, now: number = this.#clock.now()): HeldClaim {
    const claim = new HeldClaim(run, this.#fences.next(), now);
    this.claims.add(claim);
    return claim;
  }

  /** Runs whose turn has come: they waited, so that nobody holds them. */
  addPromoted(runs: readonly ReadRun[]): void {
    for (const { run } of runs)
      if (!this.isWithheld(run.key) && !this.#isBarred(run)) this.of(run.process).add(run);
  }

  /** Hands out what came in, and sees to what is missing. */
  serve(): void {
    for (const window of this.#byProcess.values()) {
      const { waiter } = window;
      if (waiter === null) continue;
      const claims = this.#claim(window, waiter.atMost);
      if (window.needsRefill) this.#refill(window);
      if (claims.length === 0) continue;
      window.waiter = null;
      waiter.resolve(claims);
    }
    this.#setTimer();
  }

  /** Runs that `take` keeps back, until {@link Windows.admit}. */
  withhold(keys: readonly number[]): void {
    this.#withheld = new Set(keys);
  }

  isWithheld(key: number): boolean {
    return this.#withheld?.has(key) === true;
  }

  admit(): void {
    if (this.#withheld === undefined) return;
    this.#withheld = undefined;
    this.resetAll();
    this.serve();
  }

  /** What is known may be wrong: everything is read anew. */
  resetAll(): void {
    for (const window of this.#byProcess.values()) window.reset();
  }

  /** Takes out what is ended from outside. */
  remove(isOut: (run: WindowRun) => boolean): void {
    for (const window of this.#byProcess.values()) window.remove(isOut);
  }

  retryAt(process: string, due: number): void {
    const window = this.of(process);
    if (window.retriesRead !== null && due <= window.retriesRead.due)
      window.retriesRead = { due: due - 1, id: 0 };
    if (due < window.nextDue) window.nextDue = due;
  }

  close(error: SluiceError): void {
    this.#closed = error;
    this.#timer?.cancel();
    this.#readAgain?.cancel();
    for (const window of this.#byProcess.values()) {
      window.waiter?.reject(error);
      window.waiter = null;
    }
  }

  #claim(window: Window, atMost: number): Claim[] {
    const claims: Claim[] = [];
    const now = this.#clock.now();
    while (claims.length < atMost && !this.#fences.isEmpty) {
      const run = window.take();
      if (run === undefined) break;
      claims.push(this.hold(run, now));
    }
    return claims;
  }

  #refill(window: Window, upTo = 0): void {
    if (this.#closed !== undefined) return;
    const after = window.isComplete ? Number.MAX_SAFE_INTEGER : window.tail;
    const { retriesRead } = window;
    const now = Math.max(this.#clock.now(), upTo);
    window.isRefilling = true;
    // The answer says it anew, and knows all that was committed until then.
    window.nextDue = Number.POSITIVE_INFINITY;
    this.#link.send(
      { type: "refill", process: window.id, after, retriesAfter: retriesRead, now },
      (reply) => {
        if (reply.type !== "refilled") {
          if (reply.type === "failed") this.#onError(fromPlainError(reply.error));
          this.#refillLater(window);
          return;
        }
        window.isRefilling = false;
        this.#refilled(window, reply, { after, retriesRead, now });
        this.serve();
      },
      (error) => {
        window.isRefilling = false;
        this.#onError(error);
      },
    );
  }

  /** What cannot be read now is asked for again: nothing else would. */
  #refillLater(window: Window): void {
    this.#unread.add(window);
    if (this.#closed !== undefined) return;
    this.#readAgain ??= this.#clock.setTimer(READ_AGAIN, () => {
      this.#readAgain = undefined;
      for (const one of this.#unread) {
        one.isRefilling = false;
        one.hasDueRetries = true;
      }
      this.#unread.clear();
      this.serve();
    });
  }

  #refilled(
    window: Window,
    reply: Refilled,
    asked: { after: number; retriesRead: Window["retriesRead"]; now: number },
  ): void {
    const fresh = parseRuns(reply.fresh, (id) => this.#names.name(id));
    const retries = parseRuns(reply.retries, (id) => this.#names.name(id));
    if (reply.reopenedDatabase) {
      this.resetAll();
      return;
    }
    if (window.barred === 0) {
      this.#addRead(window, fresh.concat(retries));
    } else {
      window.reset();
      return;
    }
    // If a run before that came up meanwhile, the next refill begins there.
    if (!window.isComplete && window.tail === asked.after) {
      window.isComplete = reply.isLast;
      window.tail = fresh.at(-1)?.run.key ?? window.tail;
    }
    if (window.retriesRead === asked.retriesRead) {
      const last = retries.at(-1);
      if (reply.areLast) window.retriesRead = { due: asked.now, id: Number.MAX_SAFE_INTEGER };
      else if (last !== undefined) window.retriesRead = { due: last.due, id: last.run.key };
      window.hasDueRetries = !reply.areLast;
    }
    window.nextDue = reply.nextDue ?? Number.POSITIVE_INFINITY;
  }

  /** Adds what was read, but for what is claimed or stands in the window: nothing is handed out twice. */
  #addRead(window: Window, runs: readonly ReadRun[]): void {
    if (runs.length === 0) return;
    const held = new Set<number>();
    for (const claim of this.claims) held.add(claim.key);
    for (const run of window.runs()) held.add(run.key);
    for (const { run } of runs) {
      if (!held.has(run.key) && !this.isWithheld(run.key) && !this.#isBarred(run)) window.add(run);
    }
  }

  /** One timer, for the retry that is due first among those somebody waits for. */
  #setTimer(): void {
    let due = Number.POSITIVE_INFINITY;
    for (const window of this.#byProcess.values()) if (window.nextDue < due) due = window.nextDue;
    if (due === this.#timerDue || this.#closed !== undefined) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    if (due === Number.POSITIVE_INFINITY) return;
    const now = this.#clock.now();
    const wait = Math.min(Math.max(0, due - now), LONGEST_WAIT);
    this.#timer = this.#clock.setTimer(wait, () => {
      this.#timerDue = Number.POSITIVE_INFINITY;
      this.#retriesDue(now + wait);
    });
  }

  /** @param upTo what the wall clock should say now */
  #retriesDue(upTo: number): void {
    if (upTo - this.#clock.now() > TOLERANCE) {
      this.#clamp();
      return;
    }
    for (const window of this.#byProcess.values()) {
      if (window.nextDue > upTo) continue;
      window.hasDueRetries = true;
      if (!window.isRefilling) this.#refill(window, upTo);
    }
    this.#setTimer();
  }

  /** The clock was set back: no retry may wait for longer than its own delay. */
  #clamp(): void {
    const onReply = (): void => {
      this.resetAll();
      for (const window of this.#byProcess.values()) if (!window.isRefilling) this.#refill(window);
    };
    this.#link.send({ type: "clamp", now: this.#clock.now() }, onReply, this.#onError);
  }
}
