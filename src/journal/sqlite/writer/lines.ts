import { QUEUED, WAITING } from "../../run-code.ts";
import { pushRun } from "./run-rows.ts";
import type { Row, Transaction } from "./transaction.ts";

/** Whether a new run of this key must wait. */
export function isLineTaken(tx: Transaction, process: number, line: string): boolean {
  return tx.statements.lineTaken.get(process, line) !== undefined;
}

/** A run left its line: the earliest that waits goes on, if nothing else of the key is open or blocks it. */
export function promoteNext(tx: Transaction, process: number, line: string): void {
  if (tx.statements.lineAhead.get(process, line) !== undefined) return;
  const next = tx.statements.lineNext.get(process, line) as Row | undefined;
  if (next === undefined) return;
  promote(tx, process, next[0] as number);
}

/** A waiting run may be taken from now on. */
export function promote(tx: Transaction, process: number, id: number): void {
  tx.statements.promote.run(id);
  tx.counters.move(process, WAITING, QUEUED);
  pushRun(tx, id, tx.effects.promoted);
}
