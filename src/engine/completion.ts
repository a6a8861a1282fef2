import { isFinal, type RunRow } from "../model/run.ts";
import { isSluiceError, SluiceError } from "../model/errors.ts";
import type { Journal } from "../journal/journal.ts";

/** Waits for work to be over: for a user's own tests, and for programs that end. */
export class Completion {
  readonly #journal: Journal;
  readonly #busy: () => boolean;
  #waiting: (() => void)[] = [];
  #closed = false;

  /** @param busy whether the engine holds work that the journal does not know of yet */
  constructor(journal: Journal, busy: () => boolean) {
    this.#journal = journal;
    this.#busy = busy;
  }

  /** To be called whenever a run may have become final. */
  progress(): void {
    if (this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The journal is closed: who still waits would wait for ever. */
  close(): void {
    this.#closed = true;
    this.progress();
  }

  /** Resolves when nothing is queued, waiting, retrying or running. @throws SluiceError NOT_RUNNING */
  async idle(): Promise<void> {
    while (this.#busy() || this.#journal.openRuns() > 0) {
      this.#expectOpen();
      await this.#next();
    }
  }

  /**
   * Resolves when all runs of an event are final, and those of the events that they emitted.
   *
   * @throws SluiceError EVENT_NOT_FOUND or NOT_RUNNING
   */
  async settled(uid: string): Promise<readonly RunRow[]> {
    let runs: readonly RunRow[] | undefined;
    await this.until(async () => (runs = await this.#finalRuns(uid)) !== undefined);
    return runs ?? [];
  }

  /**
   * Resolves once `condition` holds; it is looked at whenever a run may have become final.
   *
   * @throws SluiceError NOT_RUNNING
   */
  async until(condition: () => Promise<boolean>): Promise<void> {
    for (;;) {
      this.#expectOpen();
      const changed = this.#next();
      if (await condition().catch(asStopped)) return;
      await changed;
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #expectOpen(): void {
    if (this.#closed) throw stopped();
  }

  async #finalRuns(uid: string): Promise<readonly RunRow[] | undefined> {
    const journey = await this.#journal.history.journey(uid);
    if (journey === undefined) {
      throw new SluiceError("EVENT_NOT_FOUND", `there is no event ${uid} in this journal`);
    }
    if (!journey.runs.every((run) => isFinal(run.state))) return undefined;
    const processes = new Set(journey.runs.map((run) => run.process));
    const emitted = journey.caused.filter((event) => processes.has(event.trigger));
    const all = [...journey.runs];
    for (const event of emitted) {
      const runs = await this.#finalRuns(event.uid);
      if (runs === undefined) return undefined;
      all.push(...runs);
    }
    return all;
  }
}

/** The journal closes a moment before everybody is told. */
function asStopped(error: unknown): never {
  throw isSluiceError(error, "JOURNAL_CLOSED") ? stopped() : error;
}

function stopped(): SluiceError {
  return new SluiceError("NOT_RUNNING", "the pipeline stopped before what was waited for came true");
}
