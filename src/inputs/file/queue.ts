import type { Clock, Timer } from "../../model/clock.ts";

export interface QueueOptions {
  readonly clock: Clock;
  readonly concurrency: number;
  /** Answers milliseconds after which the location must be looked at again. */
  readonly look: (location: string) => Promise<number | undefined>;
  /** Called for the first look that rejects; there are no more then. */
  readonly onFailure: (error: unknown) => void;
}

/** Locations that are to be looked at, so many at a time, each once at a time. */
export class Queue {
  readonly #options: QueueOptions;
  readonly #due = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, Timer>();
  readonly #idle: (() => void)[] = [];
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#due.size + this.#running.size + this.#timers.size;
  }

  add(location: string): void {
    if (this.#isClosed) return;
    this.#timers.get(location)?.cancel();
    this.#timers.delete(location);
    if (this.#running.has(location)) this.#again.add(location);
    else this.#due.add(location);
    this.#start();
  }

  /** Resolves once nothing is left to be looked at, nor waits for its time. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settle();
    });
  }

  /** Resolves once the looks that run have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#due.clear();
    this.#again.clear();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    await this.idle();
  }

  #start(): void {
    for (const location of this.#due) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#due.delete(location);
      this.#running.add(location);
      void this.#look(location);
    }
  }

  async #look(location: string): Promise<void> {
    let delay: number | undefined;
    try {
      delay = await this.#options.look(location);
    } catch (error) {
      const isFirst = !this.#isClosed;
      this.#isClosed = true;
      if (isFirst) this.#options.onFailure(error);
    }
    this.#running.delete(location);
    if (!this.#isClosed) this.#after(location, delay);
    this.#settle();
  }

  #after(location: string, delay: number | undefined): void {
    if (this.#again.delete(location)) this.#due.add(location);
    else if (delay !== undefined)
      this.#timers.set(
        location,
        this.#options.clock.setTimer(delay, () => this.add(location)),
      );
    this.#start();
  }

  #settle(): void {
    if (this.#running.size > 0 || (!this.#isClosed && this.size > 0)) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
