/** Something that waits for a slot. */
export interface SlotWaiter {
  /** Called when a slot may be free: it asks again. */
  slotFreed(): void;
}

/**
 * The slots that all processes share under a total limit, beyond the one that each has for itself, so that
 * none can be starved. Who came first is served first.
 */
export class SharedSlots {
  readonly #total: number;
  #members = 0;
  #used = 0;
  readonly #waiting = new Set<SlotWaiter>();

  constructor(total: number) {
    this.#total = total;
  }

  join(): void {
    this.#members += 1;
  }

  leave(): void {
    this.#members -= 1;
    this.#serve();
  }

  /** Takes a slot, or remembers who asked. */
  tryTake(waiter: SlotWaiter): boolean {
    if (!this.#hasRoom()) {
      this.#waiting.add(waiter);
      return false;
    }
    this.#used += 1;
    return true;
  }

  give(): void {
    this.#used -= 1;
    this.#serve();
  }

  #hasRoom(): boolean {
    return this.#used < this.#total - this.#members;
  }

  /** Who is served may need nothing any more: then it is the next one's turn. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      if (!this.#hasRoom()) return;
      this.#waiting.delete(waiter);
      waiter.slotFreed();
    }
  }
}
