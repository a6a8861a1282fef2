import { formatRunId, parseRunId } from "../../../model/run.ts";
import { RUNS_PER_EVENT } from "../../run-code.ts";
import { fromStoredText, toStoredText } from "../stored-text.ts";
import { readUid, writeUid } from "../uid-blob.ts";
import type { Row, Transaction } from "./transaction.ts";

/** A run, as far as operators' deeds depend on it. */
export interface RunState {
  readonly id: number;
  readonly process: number;
  readonly state: number;
  readonly line: string | null;
  readonly replay: number;
  readonly data: string | null;
}

export function findRun(tx: Transaction, id: string): RunState | undefined {
  const parts = parseRunId(id);
  const process = parts === undefined ? undefined : tx.ids.get(parts.process);
  if (parts === undefined || process === undefined) return undefined;
  const seq = seqOf(tx, parts.event);
  if (seq === undefined) return undefined;
  return runsOfEvent(tx, seq).find((run) => run.process === process && run.replay === parts.replay);
}

const uidBytes = new Uint8Array(16);

export function seqOf(tx: Transaction, uid: string): number | undefined {
  const row = tx.statements.eventOf.get(writeUid(uid, uidBytes)) as Row | undefined;
  return row?.[0] as number | undefined;
}

export function runByKey(tx: Transaction, key: number): RunState | undefined {
  const row = tx.statements.run.get(key) as Row | undefined;
  return row === undefined ? undefined : toRunState(row);
}

export function runsOfEvent(tx: Transaction, seq: number): RunState[] {
  const first = seq * RUNS_PER_EVENT;
  return (tx.statements.runsOfEvent.all(first, first + RUNS_PER_EVENT - 1) as unknown as Row[]).map(
    toRunState,
  );
}

function toRunState([id, process, state, line, replay, data]: Row): RunState {
  return {
    id: id as number,
    process: process as number,
    state: state as number,
    line: line as string | null,
    replay: (replay as number | null) ?? 0,
    data: data as string | null,
  };
}

/** As `line` holds it. */
export function orderingKeyOf(tx: Transaction, seq: number): string {
  const [key, location, id, uid] = tx.statements.eventKey.get(seq) as unknown as Row;
  if (key !== null) return key as string;
  const record = id === null ? readUid(uid as Uint8Array) : fromStoredText(id as string);
  return toStoredText(`${fromStoredText(location as string)}/${record}`);
}

export function idOf(tx: Transaction, run: RunState): string {
  const [, , , uid] = tx.statements.eventKey.get(Math.floor(run.id / RUNS_PER_EVENT)) as unknown as Row;
  return formatRunId(readUid(uid as Uint8Array), tx.names.get(run.process) as string, run.replay);
}
