import type { DatabaseSync } from "node:sqlite";
import { WAITING } from "../../run-code.ts";
import type { Statements } from "./statements.ts";

/** Kinds of counters: states stand for themselves, these for what is no state of a run. */
export const EVENTS_COUNTER = 100;
/** Of transactions: tells after a failure whether one was kept. */
export const BATCH_COUNTER = 101;
/** The highest number that an event ever had: none is used twice, though all may be pruned. */
export const SEQ_COUNTER = 102;

/** Counts kept in memory, written with each transaction, and never counted from rows. */
export class Counters {
  /** By kind, then by name. */
  readonly #counts: Map<number, number>[] = [];
  #changed = new Map<number, Map<number, number>>();
  #open = 0;

  load(database: DatabaseSync): void {
    this.#counts.length = 0;
    this.#changed = new Map();
    this.#open = 0;
    for (const row of database.prepare("select kind, name, count from counters").all()) {
      const { kind, name, count } = row as { kind: number; name: number; count: number };
      this.#of(kind).set(name, count);
      if (kind <= WAITING) this.#open += count;
    }
  }

  /** Runs that are open. */
  get open(): number {
    return this.#open;
  }

  get(kind: number, name: number): number {
    return this.#counts[kind]?.get(name) ?? 0;
  }

  add(kind: number, name: number, by: number): void {
    const counts = this.#of(kind);
    counts.set(name, (counts.get(name) ?? 0) + by);
    if (kind <= WAITING) this.#open += by;
    let changed = this.#changed.get(kind);
    if (changed === undefined) this.#changed.set(kind, (changed = new Map()));
    changed.set(name, (changed.get(name) ?? 0) + by);
  }

  set(kind: number, name: number, to: number): void {
    this.add(kind, name, to - this.get(kind, name));
  }

  move(process: number, from: number, to: number): void {
    if (from === to) return;
    this.add(from, process, -1);
    this.add(to, process, 1);
  }

  /** Writes what changed; it is forgotten only by {@link Counters.keep} or {@link Counters.undo}. */
  write(statements: Statements): void {
    for (const [kind, changed] of this.#changed) {
      for (const [name, by] of changed) if (by !== 0) statements.count.run(kind, name, this.get(kind, name));
    }
  }

  keep(): void {
    for (const changed of this.#changed.values()) changed.clear();
  }

  undo(): void {
    for (const [kind, changed] of this.#changed) {
      const counts = this.#of(kind);
      for (const [name, by] of changed) {
        counts.set(name, (counts.get(name) ?? 0) - by);
        if (kind <= WAITING) this.#open -= by;
      }
      changed.clear();
    }
  }

  #of(kind: number): Map<number, number> {
    return (this.#counts[kind] ??= new Map());
  }
}
