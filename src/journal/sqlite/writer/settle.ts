import { CANCELLED, DEAD, isFinalCode, QUEUED, RETRYING, SUCCEEDED, WAITING } from "../../run-code.ts";
import {
  OUTCOME_CODES,
  SETTLE_ABANDONED,
  SETTLE_BLOCKS,
  SETTLE_CANCELLED,
  SETTLE_MASK,
  SETTLE_POSTPONED,
  SETTLE_RELEASED,
  SETTLE_RETRY,
  SETTLE_SUCCEEDED,
  SETTLE_WAS_POSTPONED,
} from "../layout.ts";
import { applyAppend, skipAppend } from "./append.ts";
import type { BatchReader } from "./batch-reader.ts";
import { promote, promoteNext } from "./lines.ts";
import type { Row, Transaction } from "./transaction.ts";

const FAILED = OUTCOME_CODES.indexOf("failed");
const CANCELLED_ATTEMPT = OUTCOME_CODES.indexOf("cancelled");
const RELEASED = OUTCOME_CODES.indexOf("released");
const ABANDONED = OUTCOME_CODES.indexOf("abandoned");
const POSTPONED = OUTCOME_CODES.indexOf("postponed");

/** Writes one outcome; answers whether it was still wanted. */
export function applySettle(tx: Transaction, batch: BatchReader): boolean {
  const { statements } = tx;
  const run = batch.number();
  const process = batch.number();
  const outcome = batch.number();
  const fence = batch.number();
  const attempt = batch.number();
  const started = batch.number();
  const finished = batch.number();
  const version = batch.number();
  const line = batch.textOrNull();
  // A first attempt was queued, unless it was postponed: so the common case asks nothing.
  const before = attempt > 1 || (outcome & SETTLE_WAS_POSTPONED) !== 0 ? stateOf(tx, run) : QUEUED;
  let settled: boolean;
  switch (outcome & SETTLE_MASK) {
    case SETTLE_SUCCEEDED: {
      settled = statements.succeed.run(fence, started, finished, version, run, fence).changes === 1;
      const emitted = batch.number();
      for (let i = 0; i < emitted; i += 1) (settled ? applyAppend : skipAppend)(tx, batch);
      if (settled) end(tx, process, line, before, SUCCEEDED);
      break;
    }
    case SETTLE_RELEASED: {
      settled = statements.release.run(fence, run, fence).changes === 1;
      if (!settled) break;
      statements.insertAttempt.run(run, fence, attempt, version, started, finished, RELEASED, null, null);
      tx.counters.move(process, before, QUEUED);
      break;
    }
    case SETTLE_RETRY: {
      const due = batch.number();
      const delay = batch.number();
      const code = batch.text();
      const message = batch.text();
      const isPostponed = (outcome & SETTLE_POSTPONED) !== 0;
      const again = isPostponed ? statements.postpone : statements.retry;
      settled =
        again.run(due, delay, fence, started, finished, version, code, message, run, fence).changes === 1;
      if (!settled) break;
      const how = isPostponed ? POSTPONED : outcome & SETTLE_ABANDONED ? ABANDONED : FAILED;
      statements.insertAttempt.run(run, fence, attempt, version, started, finished, how, code, message);
      tx.counters.move(process, before, RETRYING);
      break;
    }
    default: {
      const code = batch.text();
      const message = batch.text();
      const state = (outcome & SETTLE_MASK) === SETTLE_CANCELLED ? CANCELLED : DEAD;
      const blocks = (outcome & SETTLE_BLOCKS) !== 0;
      settled =
        statements.fail.run(
          state,
          fence,
          started,
          finished,
          version,
          code,
          message,
          blocks ? 1 : 0,
          run,
          fence,
        ).changes === 1;
      if (!settled) break;
      const how = outcome & SETTLE_ABANDONED ? ABANDONED : state === CANCELLED ? CANCELLED_ATTEMPT : FAILED;
      statements.insertAttempt.run(run, fence, attempt, version, started, finished, how, code, message);
      end(tx, process, blocks ? null : line, before, state);
    }
  }
  if (settled) clearStrikes(tx, run);
  else if (line !== null) letGo(tx, run, process, line);
  return settled;
}

/** A run came to its end; the next of its line goes on. */
function end(tx: Transaction, process: number, line: string | null, from: number, to: number): void {
  tx.counters.move(process, from, to);
  if (line !== null) promoteNext(tx, process, line);
}

export function clearStrikes(tx: Transaction, run: number): void {
  if (tx.strikes.size > 0 && tx.strikes.delete(run)) tx.statements.dropStrikes.run(run);
}

/**
 * The attempt of a run that was ended from outside is over: the next of its key goes on, which is the run itself if it
 * was replayed meanwhile.
 */
function letGo(tx: Transaction, run: number, process: number, line: string): void {
  if (tx.statements.unlinger.run(run).changes === 0) return;
  const state = stateOf(tx, run);
  if (state === WAITING) {
    promote(tx, process, run);
    return;
  }
  if (isFinalCode(state)) tx.statements.clearLine.run(run);
  promoteNext(tx, process, line);
}

function stateOf(tx: Transaction, run: number): number {
  const row = tx.statements.stateOf.get(run) as Row | undefined;
  return row === undefined ? CANCELLED : (row[0] as number);
}
