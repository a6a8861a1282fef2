import { sleep } from "../../../model/clock.ts";
import type { SurveyContext } from "../../../model/component.ts";
import { SluiceError } from "../../../model/errors.ts";
import type { AuditReport, AuditRequest, KnownRecord, SourceRead } from "../../../model/survey.ts";
import { createUidSource } from "../../../model/uid.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import type { ResolvedOptions } from "../options.ts";
import { judge, type Verdict } from "./compare.ts";
import { changesOnTheirWay } from "./on-their-way.ts";
import { createPace, type Pace } from "./pace.ts";
import { estimateRows, idOf, readAfter, readByKey, toReadEvent, type SourceRow } from "./read.ts";
import { withSource } from "./source.ts";
import { findTables, type SurveyedTable } from "./tables.ts";

/** Rows that are held against the journal at a time: each time, it may have to be read as a whole. */
const BATCH = 20_000;
/** With their data, so many characters of them. */
const BATCH_TEXT = 32 * 1_024 * 1_024;
/** A change may be on its way for so long before it counts as missing: milliseconds. */
const ON_ITS_WAY = 1_000;
/** Rows that are read again, to be emitted, at a time. */
const REPAIRED_AT_ONCE = 500;
const SAMPLES = 10;

type TableReport = AuditReport["tables"][number];

interface Work {
  readonly client: PgClient;
  readonly options: ResolvedOptions;
  readonly context: SurveyContext<Record<string, unknown>>;
  readonly request: AuditRequest;
  readonly pace: Pace;
  readonly table: SurveyedTable;
}

interface Row extends SourceRow {
  readonly id: string;
}

/** Rows that are not as the journal has them, as far as it can be told; none of a list is in another. */
interface Findings {
  readonly missing: readonly Row[];
  readonly differs: readonly Row[];
  readonly unknown: readonly Row[];
}

/**
 * Looks for rows of which the journal has no event, or a delete as the newest; with `data`, also for rows that are not
 * as their newest event has them. With `repair` they are read again and emitted, as a backfill would.
 *
 * @throws SluiceError INVALID_OPTIONS, SOURCE_UNAVAILABLE, SQL_FAILED …
 */
export async function audit(
  options: ResolvedOptions,
  context: SurveyContext<Record<string, unknown>>,
  request: AuditRequest,
): Promise<AuditReport> {
  if (request.data === true && options.data !== "new" && options.data !== "old+new") {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `input "${context.name}" sends data = "${options.data}", which does not say how a row is after a change: only keys can be compared`,
    );
  }
  const pace = createPace(request.rate, context.clock, context.signal);
  return withSource(context, options, async (client) => {
    const found = await findTables(client, options.tables, request.table);
    const tables: TableReport[] = [];
    for (const table of found)
      tables.push(await auditTable({ client, options, context, request, pace, table }));
    const sum = (of: "missing" | "differs" | "repaired"): number =>
      tables.reduce((total, table) => total + table[of], 0);
    return { tables, missing: sum("missing"), differs: sum("differs"), repaired: sum("repaired") };
  });
}

async function auditTable(work: Work): Promise<TableReport> {
  const { client, context, table } = work;
  const { where, repair = false } = work.request;
  const total = await estimateRows(client, table, where);
  const report = {
    table: table.location,
    rows: 0,
    seen: 0,
    pending: 0,
    missing: 0,
    differs: 0,
    unknown: 0,
    repaired: 0,
  };
  const samples: string[] = [];
  const differing: string[] = [];
  for (let after: readonly string[] | null = null; ;) {
    context.progress(table.location, report.rows, total);
    const { rows, last } = await readRows(work, after);
    if (rows.length === 0) break;
    after = last;
    report.rows += rows.length;
    const { missing, differs, unknown, pending } = await findWrong(work, rows);
    report.missing += missing.length;
    report.differs += differs.length;
    report.unknown += unknown.length;
    report.pending += pending;
    report.seen += rows.length - missing.length - differs.length - unknown.length - pending;
    for (const { id } of missing) if (samples.length < SAMPLES) samples.push(id);
    for (const { id } of differs) if (differing.length < SAMPLES) differing.push(id);
    if (!repair) continue;
    report.repaired += await repairRows(work, missing, "read");
    report.repaired += await repairRows(work, differs, "update");
  }
  context.progress(table.location, report.rows, report.rows);
  return { ...report, samples, differing };
}

async function readRows(
  { client, context: { clock, signal }, pace, request: { where, data = false }, table }: Work,
  from: readonly string[] | null,
): Promise<{ readonly rows: readonly Row[]; readonly last: readonly string[] | null }> {
  const rows: Row[] = [];
  let last = from;
  let characters = 0;
  while (rows.length < BATCH && characters < BATCH_TEXT) {
    signal.throwIfAborted();
    const began = clock.monotonic();
    const chunk = await readAfter(client, table, last, where, pace.size(2_000), data);
    const end = chunk.at(-1);
    if (end === undefined) break;
    last = end.key;
    for (const row of chunk) {
      rows.push({ ...row, id: idOf(table, row), text: data ? row.text : "" });
      if (data) characters += row.text.length;
    }
    await pace.wait(chunk.length, began);
  }
  return { rows, last };
}

/** Looks twice at what seems wrong: what was changed only now is on its way yet, or deleted again. */
async function findWrong(work: Work, rows: readonly Row[]): Promise<Findings & { readonly pending: number }> {
  const { client, options, context, table } = work;
  const first = await compare(work, rows);
  const suspects = [...first.missing, ...first.differs];
  if (suspects.length === 0) return { ...first, pending: 0 };
  await sleep(context.clock, ON_ITS_WAY, context.signal);
  // Looked at before the journal: what arrives in between is in the journal.
  const ids = new Set(suspects.map(({ id }) => id));
  const isOnItsWay = await changesOnTheirWay(client, options, context, table, ids);
  const second = await compare(work, suspects);
  const now = await readAgain(work, [...second.missing, ...second.differs]);
  // A row that has been changed since it was read is compared with what is older or newer than it.
  const isUnchanged = ({ id, version }: Row): boolean => now.get(id)?.version === version;
  const missing = second.missing.filter(({ id }) => now.has(id));
  const differs = second.differs.filter(({ id }) => now.has(id));
  const settled = {
    missing: missing.filter(({ id }) => !isOnItsWay(id)),
    differs: differs.filter((row) => !isOnItsWay(row.id) && isUnchanged(row)),
  };
  return {
    ...settled,
    unknown: [...first.unknown, ...second.unknown],
    pending: missing.length + differs.length - settled.missing.length - settled.differs.length,
  };
}

/** Holds rows against what the journal has of them now. */
async function compare(
  { context, options, request: { data = false }, table }: Work,
  rows: readonly Row[],
): Promise<Findings> {
  const ids = rows.map(({ id }) => id);
  const byId = new Map(data ? rows.map((row) => [row.id, row]) : []);
  const verdicts = new Map<string, Verdict>();
  const judgeNewest = (newest: KnownRecord): void => {
    const row = byId.get(newest.id);
    if (row !== undefined && newest.operation !== "delete")
      verdicts.set(newest.id, judge(table, row, newest, options));
  };
  const operations = await context.seen(table.location, ids, data ? judgeNewest : undefined);
  return {
    missing: rows.filter(({ id }) => (operations.get(id) ?? "delete") === "delete"),
    differs: rows.filter(({ id }) => verdicts.get(id) === "differs"),
    unknown: rows.filter(({ id }) => verdicts.get(id) === "unknown"),
  };
}

/** Those of the rows that are there, as they are now, by id. */
async function readAgain(
  { client, request: { data = false }, table }: Work,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, Pick<SourceRow, "version">>> {
  const now = new Map<string, Pick<SourceRow, "version">>();
  for (let from = 0; from < rows.length; from += REPAIRED_AT_ONCE) {
    const keys = rows.slice(from, from + REPAIRED_AT_ONCE).map((row) => row.key);
    for (const row of await readByKey(client, table, keys, data)) {
      now.set(idOf(table, row), data ? { version: row.version as string } : {});
    }
  }
  return now;
}

async function repairRows(
  { client, options, context, table }: Work,
  wrong: readonly Row[],
  operation: "read" | "update",
): Promise<number> {
  const uid = createUidSource(context.random);
  for (let from = 0; from < wrong.length; from += REPAIRED_AT_ONCE) {
    const keys = wrong.slice(from, from + REPAIRED_AT_ONCE).map((row) => row.key);
    await context.emitRead(async () => {
      const rows = await readByKey(client, table, keys);
      const events = rows.map((row) => toReadEvent(table, row, uid(context.clock.now()), options, operation));
      return { events: events as SourceRead<Record<string, unknown>>["events"] };
    });
  }
  // What the input has told of itself meanwhile, or what was deleted, is wrong no more.
  return wrong.length;
}
