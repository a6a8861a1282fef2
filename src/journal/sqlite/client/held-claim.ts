import type { EventRecord } from "../../../model/event.ts";
import { formatRunId } from "../../../model/run.ts";
import type { Claim } from "../../work.ts";

/** A run that may be taken, as the main thread keeps it. */
export interface WindowRun {
  readonly key: number;
  readonly process: string;
  readonly event: EventRecord;
  attempts: number;
  readonly postponed: number;
  readonly replay: number;
  readonly replayOf: number | null;
  /** Its ordering key, if it stands in a line. */
  readonly line: string | null;
}

/** What an attempt is given; the journal knows it again when it is settled. */
export class HeldClaim implements Claim {
  readonly key: number;
  readonly process: string;
  readonly event: EventRecord;
  readonly replay: number;
  readonly replayOf: string | null;
  readonly attempt: number;
  readonly postponed: number;
  readonly fence: number;
  readonly #run: WindowRun;
  readonly #takenAt: number;
  #slot = -1;

  constructor(run: WindowRun, fence: number, takenAt: number) {
    const { event, process, replay, replayOf } = run;
    this.key = run.key;
    this.process = process;
    this.event = event;
    this.replay = replay;
    this.replayOf = replayOf === null ? null : formatRunId(event.uid, process, replayOf);
    this.attempt = run.attempts + 1;
    this.postponed = run.postponed;
    this.fence = fence;
    this.#run = run;
    this.#takenAt = takenAt;
  }

  get takenAt(): number {
    return this.#takenAt;
  }

  /** The run of a claim of ours; `undefined` for a foreign one. */
  static runOf(claim: Claim): WindowRun | undefined {
    return #run in claim ? claim.#run : undefined;
  }

  /** Whether it was handed out and not settled yet. */
  static isHeld(claim: Claim): boolean {
    return #slot in claim && claim.#slot >= 0;
  }

  static slotOf(claim: HeldClaim): number {
    return claim.#slot;
  }

  static setSlot(claim: HeldClaim, slot: number): void {
    claim.#slot = slot;
  }
}

/** The claims that are held now, in no order: adding and removing cost next to nothing. */
export class HeldClaims implements Iterable<HeldClaim> {
  readonly #claims: HeldClaim[] = [];

  get size(): number {
    return this.#claims.length;
  }

  add(claim: HeldClaim): void {
    HeldClaim.setSlot(claim, this.#claims.length);
    this.#claims.push(claim);
  }

  /** Whether it was there. */
  remove(claim: HeldClaim): boolean {
    const slot = HeldClaim.slotOf(claim);
    if (slot < 0 || this.#claims[slot] !== claim) return false;
    const last = this.#claims.pop() as HeldClaim;
    if (last !== claim) {
      this.#claims[slot] = last;
      HeldClaim.setSlot(last, slot);
    }
    HeldClaim.setSlot(claim, -1);
    return true;
  }

  [Symbol.iterator](): IterableIterator<HeldClaim> {
    return this.#claims.values();
  }
}
