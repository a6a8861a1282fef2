import type { Clock } from "../model/clock.ts";
import type { ErrorRecord } from "../model/errors.ts";

/** Keeps a process from starting runs for a while: it said that what all of them need is out of order. */
export class Hold {
  readonly #clock: Clock;
  #until = 0;
  #reason: ErrorRecord | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What was asked for before is not cut short. */
  begin(delay: number, reason: ErrorRecord): void {
    this.#until = Math.max(this.#until, this.#clock.monotonic() + delay);
    this.#reason = reason;
  }

  /** Milliseconds until runs may start again; 0 if they may. */
  get remaining(): number {
    return this.#reason === null ? 0 : Math.max(0, this.#until - this.#clock.monotonic());
  }

  /** Why it holds; `null` if it does not. */
  get reason(): ErrorRecord | null {
    return this.remaining > 0 ? this.#reason : null;
  }
}
