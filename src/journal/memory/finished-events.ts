import type { MemoryEvent } from "./model.ts";

/** The events that finished last, as many as are kept. */
export class FinishedEvents {
  readonly #kept: number;
  readonly #entries: MemoryEvent[] = [];
  #next = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  /** Answers the one that falls out. */
  add(event: MemoryEvent): MemoryEvent | undefined {
    const oldest = this.#entries[this.#next];
    this.#entries[this.#next] = event;
    this.#next = (this.#next + 1) % this.#kept;
    return oldest;
  }
}
