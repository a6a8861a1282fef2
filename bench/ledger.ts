/** What arrived at the sink: how often each event was run by each process. Ids are the numbers from 0. */
export class Ledger {
  readonly #counts: Uint8Array[];
  readonly #events: number;

  constructor(events: number, processes: number) {
    this.#events = events;
    this.#counts = Array.from({ length: processes }, () => new Uint8Array(events));
  }

  count(process: number, id: string): void {
    const counts = this.#counts[process] as Uint8Array;
    const event = Number(id);
    const before = counts[event];
    if (before === undefined) throw new Error(`event ${id} was never emitted`);
    if (before < 255) counts[event] = before + 1;
  }

  /** Pairs of an event and a process that are missing, and those that were run more than once. */
  audit(): { readonly lost: number; readonly doubled: number } {
    let lost = 0;
    let doubled = 0;
    for (const counts of this.#counts) {
      for (let event = 0; event < this.#events; event++) {
        const count = counts[event] as number;
        if (count === 0) lost += 1;
        if (count > 1) doubled += 1;
      }
    }
    return { lost, doubled };
  }
}
