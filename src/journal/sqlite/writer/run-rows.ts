import { SluiceError } from "../../../model/errors.ts";
import { RUNS_PER_EVENT } from "../../run-code.ts";
import type { FlatRuns } from "../layout.ts";
import { readUid } from "../uid-blob.ts";
import type { Row, Transaction } from "./transaction.ts";

/** Where the event's uid stands among a run's columns; it is a blob on disk and text elsewhere. */
const UID = 8;

/** Adds a run with its event to `into`. */
export function pushRun(tx: Transaction, id: number, into: FlatRuns): void {
  const row = tx.statements.runForWindow.get(id) as Row | undefined;
  if (row !== undefined) flatten(row, into, tx.path);
}

/** @throws SluiceError JOURNAL_DAMAGED for a run whose event is gone */
export function flatten(row: Row, into: FlatRuns, path: string): void {
  const uid = row[UID];
  if (!(uid instanceof Uint8Array)) throw missingEvent(row[0] as number, path);
  for (let i = 0; i < row.length; i += 1)
    into.push(i === UID ? readUid(uid) : (row[i] as string | number | null));
}

export function missingEvent(run: number, path: string): SluiceError {
  return new SluiceError(
    "JOURNAL_DAMAGED",
    `journal ${path}: event ${Math.floor(run / RUNS_PER_EVENT)} is gone though it has runs; the file is damaged: stop, keep a copy of it, and restore a backup`,
    { details: { path } },
  );
}

export function outOfOrder(key: number, path: string): SluiceError {
  return new SluiceError(
    "JOURNAL_DAMAGED",
    `journal ${path}: row ${key} is out of order; the file is damaged: stop, keep a copy of it, and restore a backup`,
    { details: { path } },
  );
}
