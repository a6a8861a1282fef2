import type { Clock, Timer } from "../model/clock.ts";

export interface SilenceWatchOptions {
  readonly clock: Clock;
  /** Milliseconds; `undefined` to expect nothing. */
  readonly expectEvery: number | undefined;
  /** Whether there should be something to hear: not while it is paused or backs off. */
  readonly isListening: () => boolean;
  /** Told once when it falls silent. */
  readonly onSilent: (expectEvery: number) => void;
}

/** Watches whether somebody is heard of as often as expected. */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #since: number;
  #isSilent = false;
  #timer: Timer | undefined;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
    this.#since = options.clock.monotonic();
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  start(): void {
    const { clock, expectEvery, isListening, onSilent } = this.#options;
    if (expectEvery === undefined) return;
    const left = this.#since + expectEvery - clock.monotonic();
    if (left <= 0 && !this.#isSilent && isListening()) {
      this.#isSilent = true;
      onSilent(expectEvery);
    }
    this.#timer = clock.setTimer(left > 0 ? left : expectEvery, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  heard(): void {
    this.#isSilent = false;
    this.expectAnew();
  }

  /** Counts from now, though nothing was heard. */
  expectAnew(): void {
    if (this.#options.expectEvery !== undefined) this.#since = this.#options.clock.monotonic();
  }
}
