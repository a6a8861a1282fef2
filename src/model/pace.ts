import { sleep, type Clock } from "./clock.ts";
import type { Rate } from "./rate.ts";

/** Work goes on at most so often, in milliseconds: what is due meanwhile goes together. */
const BEAT = 50;
/** What was not used within so many milliseconds is lost: a pause is not followed by a burst. */
const SAVED = 250;

/** Spreads work evenly over time, at a rate or, without one, as fast as it goes. */
export class Pace {
  readonly #rate: Rate | undefined;
  readonly #clock: Clock;
  #credit = 1;
  #at: number;

  constructor(rate: Rate | undefined, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  /** Waits until more may go; answers how much, at most `atMost`. 0 once `signal` aborts. */
  async next(atMost: number, signal: AbortSignal): Promise<number> {
    if (this.#rate === undefined) return signal.aborted ? 0 : atMost;
    const { count, per } = this.#rate;
    const perMillisecond = count / per;
    while (!signal.aborted) {
      const now = this.#clock.monotonic();
      const most = Math.max(1, SAVED * perMillisecond);
      this.#credit = Math.min(most, this.#credit + (now - this.#at) * perMillisecond);
      this.#at = now;
      // Sums of fractions end a hair below what they should be.
      const whole = Math.min(atMost, Math.floor(this.#credit + 1e-6));
      if (whole >= 1) {
        this.#credit -= whole;
        return whole;
      }
      await sleep(this.#clock, Math.max(BEAT, Math.ceil((1 - this.#credit) / perMillisecond)), signal);
    }
    return 0;
  }
}
