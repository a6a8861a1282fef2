import type { RunRow } from "../../../model/run.ts";
import type { Page, RunQuery } from "../../history.ts";
import { runFilter } from "../../run-filter.ts";
import { readCursor, readLimit, readSpanCursor, toCursor, toSpanCursor } from "../../rows.ts";
import { QUEUED, RETRYING, RUNNING, RUNS_PER_EVENT, STATE_NAMES, WAITING } from "../../run-code.ts";
import { claimOf, RUN_COLUMNS, toRunRow, type StoredRun } from "./rows.ts";
import type { Tables, Taken } from "./tables.ts";

/** Up to so many open runs are sorted; beyond it, the newest are found sooner by walking back from the end. */
const SORTED = 50_000;

/** So many runs are held against a filter for one page: the reader is for all. */
const LOOKED_AT = 20_000;

/**
 * Over the runs of so many events is walked back for one page, in search of those of a process or in a state for which
 * there is no index: some 50 ms. One on (process, id) would cost every event 4 % of its CPU and 12 % of its bytes.
 */
const WALKED = 2_000_000;

/** A page of runs, newest first unless told otherwise. With a filter it may be short, and still have a next one. */
export function pageOfRuns(tables: Tables, query: RunQuery, taken: Taken): Page<RunRow> {
  const limit = readLimit(query);
  const range = query.oldestFirst === true ? oldestFirst(tables, query) : newestFirst(query);
  const rows: RunRow[] = [];
  let last = 0;
  const filter = runFilter(query);
  let looked = 0;
  const { runs, walkedTo } = matching(tables, query, range, taken);
  for (const run of runs) {
    if (rows.length === limit || looked === LOOKED_AT) return { items: rows, next: range.cursorAfter(last) };
    last = run.key;
    looked += 1;
    const row = toRunRow(run, claimOf(run, taken));
    if (filter === undefined || filter(row, () => tables.factsOf(run.key))) rows.push(row);
  }
  return { items: rows, next: walkedTo === undefined ? null : range.cursorAfter(walkedTo) };
}

/** The keys that a page may have, both ends included, and the cursor behind a key. */
interface KeyRange {
  readonly ascends: boolean;
  readonly low: number;
  readonly high: number;
  readonly cursorAfter: (key: number) => string;
}

function newestFirst(query: RunQuery): KeyRange {
  const before = readCursor("run", query) ?? Number.MAX_SAFE_INTEGER;
  return { ascends: false, low: 0, high: before - 1, cursorAfter: (key) => toCursor("run", key) };
}

function oldestFirst(tables: Tables, query: RunQuery): KeyRange {
  const { after, end } = readSpanCursor(query) ?? { after: -1, end: endOfNow(tables) };
  return {
    ascends: true,
    low: after + 1,
    high: end,
    cursorAfter: (key) => toSpanCursor({ after: key, end }),
  };
}

/** The last key that a run of an event may have which is there now. */
function endOfNow(tables: Tables): number {
  const [row] = tables.all("select max(seq) from events");
  return (((row?.[0] as number | null) ?? 0) + 1) * RUNS_PER_EVENT - 1;
}

interface Matching {
  readonly runs: Iterable<StoredRun>;
  /** Where the walk ends, though the range goes on; `undefined` if it goes to its end. */
  readonly walkedTo?: number | undefined;
}

function matching(tables: Tables, query: RunQuery, range: KeyRange, taken: Taken): Matching {
  const state = query.state === undefined ? undefined : STATE_NAMES.indexOf(query.state);
  const process = query.process === undefined ? undefined : (tables.idOf(query.process) ?? -1);
  const seq = query.event === undefined ? undefined : (tables.seqOf(query.event) ?? -1);
  if (process === -1 || seq === -1) return { runs: [] };
  const part = seq === undefined ? range : within(range, seq);
  if (state === RUNNING) return { runs: running(tables, query, part, taken) };
  const index = seq === undefined && state !== undefined ? indexFor(tables, state) : undefined;
  const walks = index === undefined && seq === undefined && (state !== undefined || process !== undefined);
  const { walkedTo, ...walked } = walks ? walk(tables, part) : { ...part, walkedTo: undefined };
  const selection = select(state, process, walked, index);
  return { runs: stored(tables, selection, walked, state === undefined ? undefined : taken), walkedTo };
}

/** @param taken set if a state was asked for: what is taken counts as running, which the disk does not know */
function* stored(
  tables: Tables,
  { sql, parameters }: Selection,
  { ascends, low, high }: KeyRange,
  taken: Taken | undefined,
): Generator<StoredRun, void, undefined> {
  const rows = ascends
    ? tables.ascending(sql, low - 1, ...parameters)
    : tables.descending(sql, high + 1, ...parameters);
  for (const row of rows) {
    const run = tables.toStoredRun(row);
    if (taken === undefined || claimOf(run, taken) === undefined) yield run;
  }
}

/** Taken runs: few, and known by their keys. */
function* running(
  tables: Tables,
  query: RunQuery,
  { ascends, low, high }: KeyRange,
  taken: Taken,
): Generator<StoredRun, void, undefined> {
  const keys = [...taken.keys()].filter((key) => key >= low && key <= high);
  for (const key of keys.sort((a, b) => (ascends ? a - b : b - a))) {
    const run = tables.runByKey(key);
    if (claimOf(run, taken) === undefined) continue;
    if (query.process === undefined || run.process === query.process) yield run;
  }
}

interface Selection {
  readonly sql: string;
  readonly parameters: readonly number[];
}

function select(
  state: number | undefined,
  process: number | undefined,
  { ascends, low, high }: KeyRange,
  index: string | undefined,
): Selection {
  const conditions = ["r.id between ? and ?"];
  const parameters = [low, high];
  if (process !== undefined) {
    conditions.push("r.process = ?");
    parameters.push(process);
  }
  if (state !== undefined) {
    conditions.push("r.state = ?");
    parameters.push(state);
  }
  if (index === "runs_due") conditions.push("r.state <= 1");
  if (index === "runs_line") conditions.push("r.line is not null");
  if (index === "runs_failed") conditions.push("r.state >= 4");
  const hint = index === undefined ? "not indexed" : `indexed by ${index}`;
  const sql = `select ${RUN_COLUMNS} from runs r ${hint} left join events e on e.seq = r.id / ${RUNS_PER_EVENT}
    where ${conditions.join(" and ")} order by r.id ${ascends ? "asc" : "desc"}`;
  return { sql, parameters };
}

function within(range: KeyRange, seq: number): KeyRange {
  const first = seq * RUNS_PER_EVENT;
  return {
    ...range,
    low: Math.max(range.low, first),
    high: Math.min(range.high, first + RUNS_PER_EVENT - 1),
  };
}

/** As much of a range as is walked over for one page. */
function walk(tables: Tables, range: KeyRange): KeyRange & Pick<Matching, "walkedTo"> {
  const { ascends, low, high } = range;
  const [ends] = tables.all(
    "select (select min(id) from runs where id >= ?), (select max(id) from runs where id <= ?)",
    low,
    high,
  );
  const [oldest, newest] = (ends ?? []) as (number | null)[];
  const reach = WALKED * RUNS_PER_EVENT;
  if (ascends) {
    const ceiling = (oldest ?? 0) + reach;
    return ceiling < (newest ?? 0) ? { ...range, high: ceiling, walkedTo: ceiling } : range;
  }
  const floor = (newest ?? 0) - reach;
  return floor > (oldest ?? 0) ? { ...range, low: floor, walkedTo: floor } : range;
}

function indexFor(tables: Tables, state: number): string | undefined {
  if (state > RETRYING && state !== WAITING) return state > WAITING + 1 ? "runs_failed" : undefined;
  const [row] = tables.all("select coalesce(sum(count), 0) from counters where kind = ?", state);
  if ((row?.[0] as number) > SORTED) return undefined;
  return state === QUEUED || state === RETRYING ? "runs_due" : "runs_line";
}
