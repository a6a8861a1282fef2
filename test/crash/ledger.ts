import type { FromHost } from "./protocol.ts";

interface Start {
  /** Which life of the host it belongs to, from 1. */
  readonly life: number;
  readonly attempt: number;
  readonly fence: number;
}

interface RunNotes {
  readonly starts: Start[];
  done: number;
}

/**
 * What the client was told and what the sink saw: kept outside the orchestrator, so that it can be held against it.
 */
export class Ledger {
  readonly acknowledged: Set<string> = new Set();
  readonly refused: Map<string, string> = new Map();
  readonly runs: Map<string, RunNotes> = new Map();
  readonly problems: string[] = [];
  readonly errors: string[] = [];
  #highestFence = 0;
  /** The newest event that began, per ordered process and key. */
  readonly #begun = new Map<string, number>();
  readonly #ordered: ReadonlySet<string>;

  constructor(ordered: Iterable<string> = []) {
    this.#ordered = new Set(ordered);
  }

  note(message: FromHost, life: number): void {
    if (message.type === "acknowledged") this.acknowledged.add(message.uid);
    else if (message.type === "refused") this.refused.set(message.uid, message.code);
    else if (message.type === "started") this.#started(message, life);
    else if (message.type === "done") this.#notes(message.run).done += 1;
    else if (message.type === "error") this.errors.push(`${message.code} ${message.message}`);
  }

  /** Runs of acknowledged events that were never done. */
  missing(processes: readonly string[]): string[] {
    const missing: string[] = [];
    for (const uid of this.acknowledged) {
      for (const process of processes) {
        if ((this.runs.get(`${uid}/${process}`)?.done ?? 0) === 0) missing.push(`${uid}/${process}`);
      }
    }
    return missing;
  }

  /** Attempts beyond the first of a run. */
  extraAttempts(): number {
    let extra = 0;
    for (const { starts } of this.runs.values()) extra += starts.length - 1;
    return extra;
  }

  #started({ run, attempt, fence, key, n }: FromHost & { type: "started" }, life: number): void {
    const { starts } = this.#notes(run);
    if (starts.some((start) => start.life === life))
      this.problems.push(`${run} started twice in life ${life}`);
    if (starts.some((start) => start.fence >= fence))
      this.problems.push(`${run} got fence ${fence} after a higher one`);
    if (attempt !== 1)
      this.problems.push(`${run} was charged with attempt ${attempt}, though it never failed`);
    starts.push({ life, attempt, fence });
    this.#highestFence = Math.max(this.#highestFence, fence);
    this.#checkOrder(run, key, n);
  }

  #checkOrder(run: string, key: string, n: number): void {
    const process = run.slice(run.indexOf("/") + 1);
    if (!this.#ordered.has(process)) return;
    const before = this.#begun.get(`${process} ${key}`) ?? -1;
    if (n < before) this.problems.push(`${run}: event ${n} of key ${key} began after event ${before}`);
    this.#begun.set(`${process} ${key}`, n);
  }

  #notes(run: string): RunNotes {
    let notes = this.runs.get(run);
    if (notes === undefined) {
      notes = { starts: [], done: 0 };
      this.runs.set(run, notes);
    }
    return notes;
  }
}
