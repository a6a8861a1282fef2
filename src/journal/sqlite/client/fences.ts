import { FENCES_PER_EPOCH } from "../../run-code.ts";

/** How many an epoch has, and how many of them are left when the next epoch is asked for. */
export interface FenceSupply {
  readonly perEpoch: number;
  readonly reserve: number;
}

const SUPPLY: FenceSupply = { perEpoch: FENCES_PER_EPOCH, reserve: 2 ** 20 };

/** Gives out fences; before those of an epoch are used up, it has a new epoch committed. */
export class Fences {
  #last: number;
  #end: number;
  #isAsking = false;
  readonly #askForEpoch: () => Promise<number>;
  readonly #supply: FenceSupply;

  /** @param askForEpoch commits a new epoch and answers it */
  constructor(epoch: number, askForEpoch: () => Promise<number>, supply: FenceSupply = SUPPLY) {
    this.#supply = supply;
    this.#last = epoch * supply.perEpoch;
    this.#end = this.#last + supply.perEpoch - 1;
    this.#askForEpoch = askForEpoch;
  }

  /** The highest that was given. */
  get last(): number {
    return this.#last;
  }

  get epoch(): number {
    return Math.floor(this.#end / this.#supply.perEpoch);
  }

  /** Whether none is left: the disk has refused a new epoch for a million claims. */
  get isEmpty(): boolean {
    return this.#last === this.#end;
  }

  next(): number {
    if (this.#end - this.#last < this.#supply.reserve && !this.#isAsking) void this.#renew();
    this.#last += 1;
    return this.#last;
  }

  async #renew(): Promise<void> {
    this.#isAsking = true;
    try {
      const epoch = await this.#askForEpoch();
      this.#last = epoch * this.#supply.perEpoch;
      this.#end = this.#last + this.#supply.perEpoch - 1;
    } catch {
      // The next claim asks again; what fails is told by the commits that fail with it.
    } finally {
      this.#isAsking = false;
    }
  }
}
