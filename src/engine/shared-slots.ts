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
    if (this.#used >= this.#total - this.#members) {
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

  #serve(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#waiting.delete(first);
    first.slotFreed();
  }
}
