import type { DatabaseSync, StatementSync } from "node:sqlite";
import { DEAD, RUNS_PER_EVENT, SUCCEEDED } from "../../run-code.ts";
import { isLineTaken, promoteNext } from "./lines.ts";
import type { Transaction } from "./transaction.ts";

/** Events looked at per transaction beyond twice those that it appended. */
const AT_LEAST = 16;
const AT_MOST = 2_000;
/** How often those that were kept longer (dead, open) are looked at again. */
const SWEEP_INTERVAL = 600_000;
/** What goes within this time is waited for: most runs end a moment after their event came. */
const SOON = 60_000;

/** A dead run that is no longer kept, for the log. */
export type Expired = readonly [process: string, code: string, count: number];

/**
 * Forgets what is old, a few rows with each transaction: an event goes with all that belongs to it once its runs
 * have been over for long enough and its delivery need no longer be known. One cursor follows the age limit; it
 * passes over what must stay longer, to which it returns every ten minutes.
 */
export class Pruner {
  #cursor = 0;
  #sweptAt = 0;
  /** Nothing beyond the cursor is old before then. */
  #restUntil = 0;
  readonly #sql: Readonly<Record<keyof typeof SQL, StatementSync>>;

  constructor(database: DatabaseSync) {
    const prepared = Object.entries(SQL).map(([name, sql]) => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return [name, statement] as const;
    });
    this.#sql = Object.fromEntries(prepared) as unknown as Readonly<Record<keyof typeof SQL, StatementSync>>;
  }

  /** Answers the dead runs that went. */
  prune(tx: Transaction, appended: number): Expired[] {
    const { now, retention } = tx;
    if (now - this.#sweptAt >= SWEEP_INTERVAL || now < this.#sweptAt) {
      this.#cursor = 0;
      this.#sweptAt = now;
      this.#restUntil = 0;
    }
    if (now < this.#restUntil) return [];
    const age = Math.max(retention.succeeded, retention.dedupe);
    const old = this.#older(now - age, Math.min(AT_MOST, AT_LEAST + 2 * appended));
    if (old.rests !== undefined) this.#restUntil = old.rests + age;
    const last = old.seqs.at(-1);
    if (last === undefined) return [];
    const { seqs: kept, soon } = this.#keptBetween(tx, this.#cursor + 1, last);
    this.#cursor = last;
    if (soon !== undefined) {
      this.#cursor = soon.seq - 1;
      this.#restUntil = soon.at;
    }
    const expired: Expired[] = [];
    let start: number | undefined;
    let end = 0;
    for (const seq of old.seqs) {
      if (seq > this.#cursor) break;
      if (kept.has(seq)) {
        if (start !== undefined) this.#forget(tx, start, end, now - age, expired);
        start = undefined;
      } else {
        start ??= seq;
        end = seq;
      }
    }
    if (start !== undefined) this.#forget(tx, start, end, now - age, expired);
    return expired;
  }

  /** Old events beyond the cursor, and when the first of the others was accepted. */
  #older(youngest: number, limit: number): { seqs: number[]; rests: number | undefined } {
    const seqs: number[] = [];
    for (const row of this.#sql.next.iterate(this.#cursor, limit)) {
      const [seq, accepted] = row as unknown as [number, number];
      if (accepted > youngest) return { seqs, rests: accepted };
      seqs.push(seq);
    }
    return { seqs, rests: undefined };
  }

  /** Events that must stay, and the first of them that need not much longer. */
  #keptBetween(
    tx: Transaction,
    first: number,
    last: number,
  ): { seqs: Set<number>; soon: { seq: number; at: number } | undefined } {
    const { now, retention } = tx;
    const rows = this.#sql.kept.iterate(
      first * RUNS_PER_EVENT,
      last * RUNS_PER_EVENT + RUNS_PER_EVENT - 1,
      now - retention.succeeded,
      now - retention.dead,
    ) as Iterable<unknown> as Iterable<readonly [number, number, number | null]>;
    const seqs = new Set<number>();
    for (const [run, state, finished] of rows) {
      const seq = Math.floor(run / RUNS_PER_EVENT);
      if (finished !== null && state >= SUCCEEDED) {
        const at = finished + (state === SUCCEEDED ? retention.succeeded : retention.dead);
        if (at - now <= SOON) return { seqs, soon: { seq, at } };
      }
      seqs.add(seq);
    }
    return { seqs, soon: undefined };
  }

  #forget(tx: Transaction, first: number, last: number, youngest: number, expired: Expired[]): void {
    const firstRun = first * RUNS_PER_EVENT;
    const lastRun = last * RUNS_PER_EVENT + RUNS_PER_EVENT - 1;
    for (const [process, state, count] of this.#sql.counts.all(firstRun, lastRun) as unknown as [
      number,
      number,
      number,
    ][]) {
      tx.counters.add(state, process, -count);
    }
    for (const [process, code, count] of this.#sql.dead.all(firstRun, lastRun) as unknown as [
      number,
      string,
      number,
    ][]) {
      expired.push([tx.names.get(process) ?? "", code, count]);
    }
    const lines = this.#sql.lines.all(firstRun, lastRun) as unknown as [number, string][];
    this.#sql.deliveries.run(youngest, first, last);
    for (const name of ["causes", "events"] as const) this.#sql[name].run(first, last);
    for (const name of ["attempts", "logs", "runs"] as const) this.#sql[name].run(firstRun, lastRun);
    // A dead run that held its key back is gone: the key goes on.
    for (const [process, line] of lines) if (isLineTaken(tx, process, line)) promoteNext(tx, process, line);
  }
}

const SQL = {
  next: "select seq, accepted from events where seq > ? order by seq limit ?",
  kept: `select id, state, finished from runs where id between ? and ? and
    (state <= 2 or finished > case when state = ${SUCCEEDED} then ? else ? end) order by id`,
  counts: "select process, state, count(*) from runs where id between ? and ? group by process, state",
  dead: `select process, code, count(*) from runs where id between ? and ? and state = ${DEAD} group by process, code`,
  lines: "select process, line from runs where id between ? and ? and line is not null",
  deliveries:
    "delete from deliveries where at <= ? and (source, key) in (select source, dedupe from events where seq between ? and ? and dedupe is not null)",
  causes: "delete from causes where cause between ? and ?",
  events: "delete from events where seq between ? and ?",
  attempts: "delete from attempts where run between ? and ?",
  logs: "delete from logs where run between ? and ?",
  runs: "delete from runs where id between ? and ?",
} as const;
