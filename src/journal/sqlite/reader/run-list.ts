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

/** A page of runs, newest first. With a filter it may be short, and still have a next one. */
export function pageOfRuns(tables: Tables, query: RunQuery, taken: Taken): Page<RunRow> {
  const limit = readLimit(query);
  const before = readCursor("run", query) ?? Number.MAX_SAFE_INTEGER;
  const rows: RunRow[] = [];
  let last = 0;
  const filter = runFilter(query);
  let looked = 0;
  for (const run of matching(tables, query, before, taken)) {
    if (rows.length === limit || looked === LOOKED_AT) return { items: rows, next: toCursor("run", last) };
    last = run.key;
    looked += 1;
    const row = toRunRow(run, claimOf(run, taken));
    if (filter === undefined || filter(row, () => tables.factsOf(run.key))) rows.push(row);
  }
  return { items: rows, next: null };
}

function* matching(
  tables: Tables,
  query: RunQuery,
  before: number,
  taken: Taken,
): Generator<StoredRun, void, undefined> {
  const state = query.state === undefined ? undefined : STATE_NAMES.indexOf(query.state);
  const process = query.process === undefined ? undefined : (tables.idOf(query.process) ?? -1);
  const seq = query.event === undefined ? undefined : (tables.seqOf(query.event) ?? -1);
  if (process === -1 || seq === -1) return;
  if (state === RUNNING) {
    yield* running(tables, query, before, taken, seq);
    return;
  }
  const { sql, parameters } = select(tables, state, process, seq, before);
  for (const row of tables.descending(sql, before, ...parameters)) {
    const run = tables.toStoredRun(row);
    // What is taken counts as running, which the disk does not know.
    if (state !== undefined && claimOf(run, taken) !== undefined) continue;
    yield run;
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

function select(
  tables: Tables,
  state: number | undefined,
  process: number | undefined,
  seq: number | undefined,
  before: number,
): { readonly sql: string; readonly parameters: number[] } {
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
  const hint = index === undefined ? "not indexed" : `indexed by ${index}`;
  const sql = `select ${RUN_COLUMNS} from runs r ${hint} left join events e on e.seq = r.id / ${RUNS_PER_EVENT}
    where ${conditions.join(" and ")} order by r.id desc`;
  return { sql, parameters };
}

function indexFor(tables: Tables, state: number): string | undefined {
  if (state > RETRYING && state !== WAITING) return state > WAITING + 1 ? "runs_failed" : undefined;
  const [row] = tables.all("select coalesce(sum(count), 0) from counters where kind = ?", state);
  if ((row?.[0] as number) > SORTED) return undefined;
  return state === QUEUED || state === RETRYING ? "runs_due" : "runs_line";
}
