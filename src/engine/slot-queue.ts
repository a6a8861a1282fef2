import type { Claim } from "../journal/work.ts";
import type { SharedSlots, SlotWaiter } from "./shared-slots.ts";

/** Whose claims they are. */
export interface SlotUser {
  /** Attempts under way. */
  readonly running: number;
  begin(claim: Claim): void;
}

/**
 * Claims of one process that wait for a slot under the total limit: the first run stands in the process's own, further
 * ones in slots that all share.
 */
export class SlotQueue implements SlotWaiter {
  readonly #shared: SharedSlots;
  readonly #user: SlotUser;
  readonly #waiting: Claim[] = [];
  /** Slots that it holds, beyond the one of its own. */
  #borrowed = 0;
  #isStarting = false;

  constructor(shared: SharedSlots, user: SlotUser) {
    this.#shared = shared;
    this.#user = user;
    shared.join();
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(claim: Claim): void {
    this.#waiting.push(claim);
  }

  /** Takes out the claim with this fence, if it waits here. */
  remove(fence: number): Claim | undefined {
    const index = this.#waiting.findIndex((claim) => claim.fence === fence);
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  /** Takes out all that wait. */
  clear(): Claim[] {
    return this.#waiting.splice(0);
  }

  /** Begins as many as there are slots for. */
  start(): void {
    // A run that ends while it begins calls back: the loop below goes on by itself, without growing the stack.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#waiting.length > 0 && this.#tryTakeSlot()) this.#user.begin(this.#waiting.shift() as Claim);
    this.#isStarting = false;
  }

  slotFreed(): void {
    this.start();
  }

  attemptEnded(): void {
    if (this.#borrowed > 0 && this.#borrowed >= this.#user.running) {
      this.#borrowed -= 1;
      this.#shared.give();
    }
    this.start();
  }

  /** Its process is gone. */
  leave(): void {
    this.#shared.leave();
  }

  #tryTakeSlot(): boolean {
    if (this.#user.running === 0) return true;
    if (!this.#shared.tryTake(this)) return false;
    this.#borrowed += 1;
    return true;
  }
}
