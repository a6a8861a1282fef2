import type { AttemptEnded, EventAccepted } from "../../engine/diagnostics.ts";

/** What one component did since the last message. A key is absent where there is nothing to tell. */
export interface ComponentStats {
  readonly accepted?: number;
  readonly duplicates?: number;
  /** How many events went to each process. */
  readonly to?: Readonly<Record<string, number>>;
  readonly started?: number;
  readonly succeeded?: number;
  /** Attempts. */
  readonly failed?: number;
  /** Runs: at their last attempt, or without any. */
  readonly dead?: number;
  readonly cancelled?: number;
  /** Of all attempts that ended, in milliseconds. */
  readonly duration?: number;
}

interface Counts {
  accepted: number;
  duplicates: number;
  to: Map<string, number> | undefined;
  started: number;
  succeeded: number;
  failed: number;
  dead: number;
  cancelled: number;
  duration: number;
}

const NUMBERS = [
  "accepted",
  "duplicates",
  "started",
  "succeeded",
  "failed",
  "dead",
  "cancelled",
  "duration",
] as const;

/** Counts per component. Called for every event and attempt, so it only adds. */
export class Tally {
  readonly #components = new Map<string, Counts>();

  accepted({ event, duplicate, processes }: EventAccepted): void {
    const counts = this.#of(event.trigger);
    if (duplicate) {
      counts.duplicates += 1;
      return;
    }
    counts.accepted += 1;
    if (processes.length === 0) return;
    const to = (counts.to ??= new Map());
    for (const process of processes) to.set(process, (to.get(process) ?? 0) + 1);
  }

  started(process: string): void {
    this.#of(process).started += 1;
  }

  ended({ process, outcome, final, duration }: AttemptEnded): void {
    const counts = this.#of(process);
    counts.duration += duration;
    if (outcome === "succeeded") counts.succeeded += 1;
    else if (outcome === "cancelled") counts.cancelled += 1;
    else if (outcome !== "released") {
      counts.failed += 1;
      if (final) counts.dead += 1;
    }
  }

  /** A run that had no attempt. */
  died(process: string): void {
    this.#of(process).dead += 1;
  }

  /** What was counted since the last call; `undefined` if there was nothing. */
  drain(): Readonly<Record<string, ComponentStats>> | undefined {
    if (this.#components.size === 0) return undefined;
    const drained = Object.fromEntries([...this.#components].map(([name, counts]) => [name, told(counts)]));
    this.#components.clear();
    return drained;
  }

  #of(name: string): Counts {
    let counts = this.#components.get(name);
    if (counts === undefined) {
      counts = {
        accepted: 0,
        duplicates: 0,
        to: undefined,
        started: 0,
        succeeded: 0,
        failed: 0,
        dead: 0,
        cancelled: 0,
        duration: 0,
      };
      this.#components.set(name, counts);
    }
    return counts;
  }
}

function told(counts: Counts): ComponentStats {
  const numbers = NUMBERS.filter((key) => counts[key] > 0).map((key) => [key, counts[key]]);
  return { ...Object.fromEntries(numbers), ...(counts.to && { to: Object.fromEntries(counts.to) }) };
}
