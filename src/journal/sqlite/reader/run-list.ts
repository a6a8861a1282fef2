import type { RunRow } from "../../../model/run.ts";
import type { Page, RunQuery } from "../../history.ts";
import { runFilter } from "../../run-filter.ts";
import { readCursor, readLimit, toCursor } from "../../rows.ts";
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

/** A page of runs, newest first. With a filter it may be short, and still have a next one. */
export function pageOfRuns(tables: Tables, query: RunQuery, taken: Taken): Page<RunRow> {
  const limit = readLimit(query);
  const before = readCursor("run", query) ?? Number.MAX_SAFE_INTEGER;
  const rows: RunRow[] = [];
  let last = 0;
  const filter = runFilter(query);
  let looked = 0;
  const { runs, floor } = matching(tables, query, before, taken);
  for (const run of runs) {
    if (rows.length === limit || looked === LOOKED_AT) return { items: rows, next: toCursor("run", last) };
    last = run.key;
    looked += 1;
    const row = toRunRow(run, claimOf(run, taken));
    if (filter === undefined || filter(row, () => tables.factsOf(run.key))) rows.push(row);
  }
  return { items: rows, next: floor === undefined ? null : toCursor("run", floor) };
}

interface Matching {
  readonly runs: Iterable<StoredRun>;
  /** Where the walk ends, though there are older runs; `undefined` if it goes to the first. */
  readonly floor?: number | undefined;
}

function matching(tables: Tables, query: RunQuery, before: number, taken: Taken): Matching {
  const state = query.state === undefined ? undefined : STATE_NAMES.indexOf(query.state);
  const process = query.process === undefined ? undefined : (tables.idOf(query.process) ?? -1);
  const seq = query.event === undefined ? undefined : (tables.seqOf(query.event) ?? -1);
  if (process === -1 || seq === -1) return { runs: [] };
  if (state === RUNNING) return { runs: running(tables, query, before, taken, seq) };
  const selection = select(tables, state, process, seq, before);
  return {
    runs: stored(tables, selection, before, state === undefined ? undefined : taken),
    floor: selection.floor,
  };
}

/** @param taken set if a state was asked for: what is taken counts as running, which the disk does not know */
function* stored(
  tables: Tables,
  { sql, parameters }: Selection,
  before: number,
  taken: Taken | undefined,
): Generator<StoredRun, void, undefined> {
  for (const row of tables.descending(sql, before, ...parameters)) {
    const run = tables.toStoredRun(row);
    if (taken === undefined || claimOf(run, taken) === undefined) yield run;
  }
}

/** Taken runs: few, and known by their keys. */
function* running(
  tables: Tables,
  query: RunQuery,
  before: number,
  taken: Taken,
  seq: number | undefined,
): Generator<StoredRun, void, undefined> {
  const keys = [...taken.keys()].filter((key) => key < before).sort((a, b) => b - a);
  for (const key of keys) {
    if (seq !== undefined && Math.floor(key / RUNS_PER_EVENT) !== seq) continue;
    const run = tables.runByKey(key);
    if (claimOf(run, taken) === undefined) continue;
    if (query.process === undefined || run.process === query.process) yield run;
  }
}

interface Selection {
  readonly sql: string;
  readonly parameters: readonly number[];
  readonly floor: number | undefined;
}

function select(
  tables: Tables,
  state: number | undefined,
  process: number | undefined,
  seq: number | undefined,
  before: number,
): Selection {
  const conditions = ["r.id < ?"];
  const parameters = [before];
  if (seq !== undefined) {
    conditions.push("r.id between ? and ?");
    parameters.push(seq * RUNS_PER_EVENT, seq * RUNS_PER_EVENT + RUNS_PER_EVENT - 1);
  }
  if (process !== undefined) {
    conditions.push("r.process = ?");
    parameters.push(process);
  }
  if (state !== undefined) {
    conditions.push("r.state = ?");
    parameters.push(state);
  }
  const index = seq === undefined && state !== undefined ? indexFor(tables, state) : undefined;
  if (index === "runs_due") conditions.push("r.state <= 1");
  if (index === "runs_line") conditions.push("r.line is not null");
  if (index === "runs_failed") conditions.push("r.state >= 4");
  const walks = index === undefined && seq === undefined && parameters.length > 1;
  const floor = walks ? floorOf(tables, before) : undefined;
  if (floor !== undefined) {
    conditions.push("r.id >= ?");
    parameters.push(floor);
  }
  const hint = index === undefined ? "not indexed" : `indexed by ${index}`;
  const sql = `select ${RUN_COLUMNS} from runs r ${hint} left join events e on e.seq = r.id / ${RUNS_PER_EVENT}
    where ${conditions.join(" and ")} order by r.id desc`;
  return { sql, parameters, floor };
}

function floorOf(tables: Tables, before: number): number | undefined {
  const [ends] = tables.all(
    "select (select max(id) from runs where id < ?), (select min(id) from runs)",
    before,
  );
  const [newest, oldest] = (ends ?? []) as (number | null)[];
  const floor = (newest ?? 0) - WALKED * RUNS_PER_EVENT;
  return floor > (oldest ?? 0) ? floor : undefined;
}

function indexFor(tables: Tables, state: number): string | undefined {
  if (state > RETRYING && state !== WAITING) return state > WAITING + 1 ? "runs_failed" : undefined;
  const [row] = tables.all("select coalesce(sum(count), 0) from counters where kind = ?", state);
  if ((row?.[0] as number) > SORTED) return undefined;
  return state === QUEUED || state === RETRYING ? "runs_due" : "runs_line";
}
