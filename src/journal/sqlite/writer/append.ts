import { parseRunId } from "../../../model/run.ts";
import { DEAD, QUEUED, RUNS_PER_EVENT, WAITING } from "../../run-code.ts";
import {
  FLAG_CAUSE,
  FLAG_DATA,
  FLAG_DEDUPE,
  FLAG_HEADERS,
  FLAG_ID,
  FLAG_KEY,
  OPERATION_MASK,
  SEED_DEAD,
  SEED_ORDERED,
} from "../layout.ts";
import { readUid, writeUid } from "../uid-blob.ts";
import type { BatchReader } from "./batch-reader.ts";
import { EVENTS_COUNTER } from "./counters.ts";
import { isLineTaken } from "./lines.ts";
import type { Row, Transaction } from "./transaction.ts";

const uidBytes = new Uint8Array(16);

/** Keeps one event with its runs, unless it is a duplicate. */
export function applyAppend(tx: Transaction, batch: BatchReader): void {
  const { statements, effects } = tx;
  const seq = batch.number();
  const uid = batch.text();
  const source = batch.number();
  const flags = batch.number();
  const location = batch.text();
  const id = flags & FLAG_ID ? batch.text() : null;
  const key = flags & FLAG_KEY ? batch.text() : null;
  const time = batch.number();
  const data = flags & FLAG_DATA ? batch.text() : null;
  const headers = flags & FLAG_HEADERS ? batch.text() : null;
  const cause = flags & FLAG_CAUSE ? batch.text() : null;
  const dedupe = flags & FLAG_DEDUPE ? batch.text() : null;
  const blob = writeUid(uid, uidBytes);
  const earlier = dedupe === null ? undefined : earlierDelivery(tx, source, dedupe);
  const isNew =
    earlier === undefined &&
    statements.insertEvent.run(
      seq,
      blob,
      source,
      location,
      flags & OPERATION_MASK,
      id,
      key,
      time,
      tx.now,
      data,
      headers,
      cause,
      dedupe,
    ).changes === 1;
  if (!isNew) {
    effects.skipped.push(seq);
    effects.duplicates.push(seq, earlier ?? uid);
    skipSeeds(batch);
    return;
  }
  if (dedupe !== null) statements.putDelivery.run(source, dedupe, blob, tx.now);
  if (cause !== null) tieToCause(tx, seq, cause);
  tx.counters.add(EVENTS_COUNTER, source, 1);
  effects.appended += 1;
  effects.lastSeq = seq;
  applySeeds(tx, batch, seq * RUNS_PER_EVENT, time);
}

/** Passes over an append that is not to be kept. */
export function skipAppend(tx: Transaction, batch: BatchReader): void {
  tx.effects.skipped.push(batch.number());
  batch.moveTo(batch.position + 2);
  const flags = batch.number();
  let fields = 2;
  for (const flag of [FLAG_ID, FLAG_KEY, FLAG_DATA, FLAG_HEADERS, FLAG_CAUSE, FLAG_DEDUPE])
    if (flags & flag) fields += 1;
  batch.moveTo(batch.position + fields);
  skipSeeds(batch);
}

function applySeeds(tx: Transaction, batch: BatchReader, firstRun: number, time: number): void {
  const count = batch.number();
  for (let run = firstRun; run < firstRun + count; run += 1) {
    const seed = batch.number();
    const process = seed >> 2;
    const kind = seed & 3;
    if (kind === SEED_DEAD) {
      tx.statements.insertDead.run(run, process, time, batch.text(), batch.text());
      tx.counters.add(DEAD, process, 1);
      continue;
    }
    const line = kind === SEED_ORDERED ? batch.text() : null;
    const waits = line !== null && isLineTaken(tx, process, line);
    const state = waits ? WAITING : QUEUED;
    tx.statements.insertRun.run(run, process, state, line);
    tx.counters.add(state, process, 1);
    if (waits) tx.effects.waiting.push(run);
  }
}

function skipSeeds(batch: BatchReader): void {
  const count = batch.number();
  for (let i = 0; i < count; i += 1) {
    const kind = batch.number() & 3;
    batch.moveTo(batch.position + (kind === SEED_DEAD ? 2 : kind === SEED_ORDERED ? 1 : 0));
  }
}

/** The uid under which a delivery came before, if that is still remembered. */
function earlierDelivery(tx: Transaction, source: number, dedupe: string): string | undefined {
  const row = tx.statements.delivery.get(source, dedupe) as Row | undefined;
  if (row === undefined || (row[1] as number) + tx.retention.dedupe <= tx.now) return undefined;
  return readUid(row[0] as Uint8Array);
}

const causeBytes = new Uint8Array(16);

function tieToCause(tx: Transaction, seq: number, cause: string): void {
  for (const id of (JSON.parse(cause) as { runs: readonly string[] }).runs) {
    const parts = parseRunId(id);
    if (parts === undefined) continue;
    const row = tx.statements.eventOf.get(writeUid(parts.event, causeBytes)) as Row | undefined;
    if (row !== undefined) tx.statements.insertCause.run(row[0] as number, seq);
  }
}
