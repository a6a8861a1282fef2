import type { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../../model/errors.ts";
import { QUEUED, RETRYING, WAITING } from "../../run-code.ts";
import type { Counters } from "./counters.ts";
import { outOfOrder } from "./run-rows.ts";
import type { Row } from "./transaction.ts";

const DUE = "select process, due, id from runs indexed by runs_due where state <= 1";
const WAITS =
  "select process, count(*) from runs indexed by runs_line where line is not null and state = 2 group by process";

/**
 * Holds the indexes that lead to open runs against their order, which SQLite takes for granted, and against the
 * counters that were kept beside them: a damaged page must not let a run that was acknowledged go by unseen. Reads
 * nothing but those indexes: a hundred thousand open runs take some hundredths of a second.
 *
 * @throws SluiceError JOURNAL_DAMAGED
 */
export function checkOpenRuns(
  database: DatabaseSync,
  counters: Counters,
  processes: Iterable<number>,
  path: string,
): void {
  const due = countDue(database, path);
  const waits = new Map(rows(database, WAITS) as Iterable<[number, number]>);
  for (const process of new Set([...processes, ...due.keys(), ...waits.keys()])) {
    const open = counters.get(QUEUED, process) + counters.get(RETRYING, process);
    expectCount(due.get(process) ?? 0, open, path);
    expectCount(waits.get(process) ?? 0, counters.get(WAITING, process), path);
  }
}

function countDue(database: DatabaseSync, path: string): Map<number, number> {
  const counts = new Map<number, number>();
  let last: readonly number[] = [-1, -1, -1];
  for (const row of rows(database, DUE) as Iterable<readonly [number, number, number]>) {
    const [process, due, id] = row;
    const [lastProcess, lastDue, lastId] = last as readonly [number, number, number];
    const follows =
      process > lastProcess ||
      (process === lastProcess && (due > lastDue || (due === lastDue && id > lastId)));
    if (!follows) throw outOfOrder(id, path);
    counts.set(process, (counts.get(process) ?? 0) + 1);
    last = row;
  }
  return counts;
}

function rows(database: DatabaseSync, sql: string): Iterable<Row> {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement.iterate() as unknown as Iterable<Row>;
}

function expectCount(found: number, expected: number, path: string): void {
  if (found === expected) return;
  throw new SluiceError(
    "JOURNAL_DAMAGED",
    `journal ${path}: an index leads to ${found} open runs of a process that has ${expected}; the file is damaged: stop, keep a copy of it, and restore a backup`,
    { details: { path, found, expected } },
  );
}
