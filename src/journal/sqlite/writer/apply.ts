import { stateConflict } from "../../state-conflict.ts";
import type { ControlResult } from "../../work.ts";
import { toPlainError, type PlainError } from "../failure.ts";
import { applyAppend, skipAppend } from "./append.ts";
import type { BatchReader } from "./batch-reader.ts";
import { applyControl } from "./control.ts";
import { applySettle } from "./settle.ts";
import type { Row, Transaction } from "./transaction.ts";

let logLine = 0;

/**
 * Applies every commit of a batch; one that must not be is passed over, and the others are none the worse.
 *
 * @param refused commits that cannot be written, as an earlier try has shown
 */
export function applyCommits(
  tx: Transaction,
  batch: BatchReader,
  isFull: boolean,
  refused: ReadonlyMap<number, PlainError>,
): void {
  const commits = batch.number();
  for (let commit = 0; commit < commits; commit += 1) {
    tx.effects.commit = commit;
    const appends = batch.number();
    const settles = batch.number();
    const puts = batch.number();
    const controls = batch.number();
    const logs = batch.number();
    const refusal = refused.get(commit) ?? (appends > 0 && isFull ? full(tx) : checkState(tx, batch, puts));
    if (refusal !== undefined) {
      tx.effects.failed.push([commit, refusal]);
      skipCommit(tx, batch, appends, settles, puts, controls, logs);
      continue;
    }
    for (let i = 0; i < puts; i += 1) applyPut(tx, batch);
    for (let i = 0; i < appends; i += 1) applyAppend(tx, batch);
    for (let i = 0; i < logs; i += 1) applyLog(tx, batch);
    for (let i = 0; i < settles; i += 1) if (!applySettle(tx, batch)) tx.effects.stale.push(commit, i);
    if (controls === 0) continue;
    const results: ControlResult[] = [];
    for (let i = 0; i < controls; i += 1) results.push(applyControl(tx, batch.control()));
    tx.effects.controls.push([commit, results]);
  }
  tx.effects.commit = -1;
}

function full({ path, retention }: Transaction): PlainError {
  return {
    code: "JOURNAL_FULL",
    message: `journal ${path} has reached its largest size of ${retention.maxSize} bytes: no event is taken until some have expired; raise max_size, or keep less`,
    details: { path, maxSize: retention.maxSize },
  };
}

/** Looks at every put before anything is written; leaves the batch where it was. */
function checkState(tx: Transaction, batch: BatchReader, puts: number): PlainError | undefined {
  if (puts === 0) return undefined;
  const position = batch.position;
  let conflict: PlainError | undefined;
  for (let i = 0; i < puts && conflict === undefined; i += 1) {
    const owner = batch.text();
    const key = batch.text();
    batch.textOrNull();
    const wanted = batch.number();
    if (wanted < 0) continue;
    const row = tx.statements.stateValue.get(owner, key) as Row | undefined;
    const found = row === undefined ? 0 : (row[1] as number);
    if (found !== wanted) conflict = toPlainError(stateConflict(owner, key, wanted, found), tx.path);
  }
  batch.moveTo(position);
  return conflict;
}

function applyPut(tx: Transaction, batch: BatchReader): void {
  const owner = batch.text();
  const key = batch.text();
  const value = batch.textOrNull();
  batch.number();
  if (value === null) tx.statements.dropState.run(owner, key);
  else tx.statements.putState.run(owner, key, value);
}

function applyLog(tx: Transaction, batch: BatchReader): void {
  const run = batch.number();
  const attempt = batch.number();
  const time = batch.number();
  const stream = batch.number();
  const text = batch.text();
  if (run >= 0) tx.statements.insertLog.run(run, nextLine(tx), attempt, time, stream, text);
}

/** Grows for as long as the journal lives: its start is read once a thread. */
function nextLine(tx: Transaction): number {
  if (logLine === 0) {
    const row = tx.database.prepare("select value from meta where key = 'epoch'").get();
    logLine = Number(row?.["value"]) * 2 ** 32;
  }
  return ++logLine;
}

function skipCommit(
  tx: Transaction,
  batch: BatchReader,
  appends: number,
  settles: number,
  puts: number,
  controls: number,
  logs: number,
): void {
  batch.moveTo(batch.position + puts * 4);
  for (let i = 0; i < appends; i += 1) skipAppend(tx, batch);
  batch.moveTo(batch.position + logs * 5);
  for (let i = 0; i < settles; i += 1) skipSettle(tx, batch);
  batch.moveTo(batch.position + controls);
}

function skipSettle(tx: Transaction, batch: BatchReader): void {
  batch.moveTo(batch.position + 2);
  const outcome = batch.number() & 7;
  batch.moveTo(batch.position + 6);
  if (outcome === 0) {
    const emitted = batch.number();
    for (let i = 0; i < emitted; i += 1) skipAppend(tx, batch);
  } else if (outcome !== 4) {
    batch.moveTo(batch.position + (outcome === 1 ? 4 : 2));
  }
}
