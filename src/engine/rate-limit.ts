import type { Clock } from "../model/clock.ts";
import type { Rate } from "../model/rate.ts";

/**
 * At most `count` starts in any stretch of `per` milliseconds: exact, since an outside system counts exactly.
 * Remembers the times of the last `count` starts.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #per: number;
  readonly #starts: Float64Array;
  #next = 0;

  constructor(rate: Rate, clock: Clock) {
    this.#clock = clock;
    this.#per = rate.per;
    this.#starts = new Float64Array(rate.count).fill(Number.NEGATIVE_INFINITY);
  }

  /** How many may start now, at most `atMost`. */
  available(atMost: number): number {
    const free = this.#clock.monotonic() - this.#per;
    const most = Math.min(atMost, this.#starts.length);
    let count = 0;
    while (count < most && this.#at(count) <= free) count += 1;
    return count;
  }

  /** Milliseconds until one more may start, beyond `reserved` that may already. `Infinity` if none ever may. */
  delay(reserved: number): number {
    if (reserved >= this.#starts.length) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#at(reserved) + this.#per - this.#clock.monotonic());
  }

  /** Counts one start. */
  spend(): void {
    this.#starts[this.#next] = this.#clock.monotonic();
    this.#next = (this.#next + 1) % this.#starts.length;
  }

  #at(offset: number): number {
    return this.#starts[(this.#next + offset) % this.#starts.length] as number;
  }
}
