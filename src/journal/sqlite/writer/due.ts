import type { FlatRuns, FromWriter, RetryPosition } from "../layout.ts";
import { flatten, outOfOrder, pushRun } from "./run-rows.ts";
import { createEffects, type Row } from "./transaction.ts";
import type { Writer } from "./writer.ts";

/** A refill of a window is bounded in rows and, roughly, in characters. */
const ROWS = 1_024;
const CHARACTERS = 4_000_000;
/** How many further runs than may have been running are suspected after an unclean stop. */
const FURTHER_SUSPECTS = 1_000;

type Refilled = Extract<FromWriter, { type: "refilled" }>;

/** Runs of a process that may be taken, from where its window ends. */
export function refill(
  writer: Writer,
  process: number,
  after: number,
  retriesAfter: RetryPosition | null,
  now: number,
): Refilled {
  const { statements, path } = writer;
  const fresh = collect(ascending(statements.fresh.iterate(process, after, ROWS), after, path), path);
  const position = retriesAfter ?? { due: 0, id: 0 };
  const retries = collect(statements.dueRetries.iterate(process, now, position.due, position.id, ROWS), path);
  return {
    type: "refilled",
    process,
    fresh: fresh.runs,
    isLast: fresh.count < ROWS && !fresh.wasCut,
    retries: retries.runs,
    areLast: retries.count < ROWS && !retries.wasCut,
    nextDue: writer.nextDue(process, now),
    reopenedDatabase: writer.takeReopened(),
  };
}

/** SQLite trusts its trees to be in order; a key that is not would make others unfindable. */
function* ascending(rows: Iterable<unknown>, after: number, path: string): Generator<Row, void, undefined> {
  let last = after;
  for (const row of rows as Iterable<Row>) {
    if ((row[0] as number) <= last) throw outOfOrder(row[0] as number, path);
    last = row[0] as number;
    yield row;
  }
}

function collect(rows: Iterable<unknown>, path: string): { runs: FlatRuns; count: number; wasCut: boolean } {
  const runs: FlatRuns = [];
  let count = 0;
  let characters = 0;
  for (const row of rows as Iterable<Row>) {
    flatten(row, runs, path);
    count += 1;
    for (const value of row) if (typeof value === "string") characters += value.length;
    if (characters >= CHARACTERS) return { runs, count, wasCut: true };
  }
  return { runs, count, wasCut: false };
}

export interface SuspectRow {
  readonly run: number;
  readonly process: number;
  readonly uid: string;
  readonly replay: number;
  readonly strikes: number;
}

/**
 * What may have been running when the last owner died: of each process the oldest due runs, up to its concurrency
 * and a number more of all, since outcomes that were under way may not have been kept; and whatever has strikes.
 */
export function suspects(
  writer: Writer,
  concurrency: ReadonlyMap<number, number>,
  now: number,
): SuspectRow[] {
  const { statements } = writer;
  const strikes = new Map(
    (statements.strikes.all() as unknown as Row[]).map(([run, count]) => [run as number, count as number]),
  );
  const likely = new Set<number>(strikes.keys());
  const further: number[] = [];
  for (const [process, atMost] of concurrency) {
    const due = [
      ...(statements.dueNow.all(process, 0, 0, atMost + FURTHER_SUSPECTS) as unknown as Row[]),
      ...(statements.dueNow.all(process, 1, now, atMost + FURTHER_SUSPECTS) as unknown as Row[]),
    ];
    const ids = due.map(([id]) => id as number).sort((a, b) => a - b);
    for (const [index, id] of ids.entries()) {
      if (index < atMost) likely.add(id);
      else further.push(id);
    }
  }
  for (const id of further.sort((a, b) => a - b).slice(0, FURTHER_SUSPECTS)) likely.add(id);
  const flat: FlatRuns = [];
  for (const id of [...likely].sort((a, b) => a - b)) pushIfOpen(writer, id, flat, strikes);
  return flat as unknown as SuspectRow[];
}

function pushIfOpen(writer: Writer, id: number, into: unknown[], strikes: ReadonlyMap<number, number>): void {
  const run = writer.statements.stateOf.get(id) as Row | undefined;
  if (run === undefined || (run[0] as number) > 1) return;
  const flat: FlatRuns = [];
  pushRun(writer.transaction(0, createEffects()), id, flat);
  const row: SuspectRow = {
    run: id,
    process: flat[1] as number,
    uid: flat[8] as string,
    replay: (flat[3] as number | null) ?? 0,
    strikes: strikes.get(id) ?? 0,
  };
  into.push(row);
}

/** Marks one run durably as the only one that is starting; answers it, or nothing if it is not open. */
export function mark(writer: Writer, run: number): FlatRuns {
  const { statements, strikes } = writer;
  const state = (statements.stateOf.get(run) as Row | undefined)?.[0] as number | undefined;
  const flat: FlatRuns = [];
  if (state === undefined || state > 1) return flat;
  const before = strikes.has(run) ? (statements.strikesOf.get(run) as Row | undefined) : undefined;
  statements.unmark.run();
  statements.setStrikes.run(run, (before?.[0] as number | undefined) ?? 1, 1);
  strikes.add(run);
  pushRun(writer.transaction(0, createEffects()), run, flat);
  return flat;
}
