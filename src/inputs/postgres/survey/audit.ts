import { sleep } from "../../../model/clock.ts";
import type { SurveyContext } from "../../../model/component.ts";
import type { AuditReport, AuditRequest, SourceRead } from "../../../model/survey.ts";
import { createUidSource } from "../../../model/uid.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import type { ResolvedOptions } from "../options.ts";
import { changesOnTheirWay } from "./on-their-way.ts";
import { estimateRows, idOf, readAfter, readByKey, toReadEvent } from "./read.ts";
import { withSource } from "./source.ts";
import { findTables, type SurveyedTable } from "./tables.ts";

/** Rows whose keys are held against the journal at a time: each time, it may have to be read as a whole. */
const BATCH = 20_000;
/** A change may be on its way for so long before it counts as missing: milliseconds. */
const ON_ITS_WAY = 1_000;
/** Rows that are read again, to be emitted, at a time. */
const REPAIRED_AT_ONCE = 500;
const SAMPLES = 10;

type TableReport = AuditReport["tables"][number];
type Context = SurveyContext<Record<string, unknown>>;

interface Row {
  readonly key: readonly string[];
  readonly id: string;
}

/**
 * Looks for rows of which the journal has no event, or a delete as the newest. With `repair` they are read again and
 * emitted, as a backfill would.
 *
 * @throws SluiceError INVALID_OPTIONS, SOURCE_UNAVAILABLE, SQL_FAILED …
 */
export async function audit(
  options: ResolvedOptions,
  context: Context,
  request: AuditRequest,
): Promise<AuditReport> {
  return withSource(context, options, async (client) => {
    const found = await findTables(client, options.tables, request.table);
    const tables: TableReport[] = [];
    for (const table of found) tables.push(await auditTable(client, options, context, request, table));
    return {
      tables,
      missing: tables.reduce((sum, table) => sum + table.missing, 0),
      repaired: tables.reduce((sum, table) => sum + table.repaired, 0),
    };
  });
}

async function auditTable(
  client: PgClient,
  options: ResolvedOptions,
  context: Context,
  { where, repair = false }: AuditRequest,
  table: SurveyedTable,
): Promise<TableReport> {
  const total = await estimateRows(client, table, where);
  const report = { table: table.location, rows: 0, seen: 0, pending: 0, missing: 0, repaired: 0 };
  const samples: string[] = [];
  let after: readonly string[] | null = null;
  for (;;) {
    context.progress(table.location, report.rows, total);
    const { rows, last } = await readKeys(client, context, table, after, where);
    if (rows.length === 0) break;
    after = last;
    report.rows += rows.length;
    const candidates = await unseen(context, table, rows);
    report.seen += rows.length - candidates.length;
    if (candidates.length === 0) continue;
    const { missing, pending } = await lookAgain(client, options, context, table, candidates);
    report.seen += candidates.length - missing.length - pending;
    report.pending += pending;
    report.missing += missing.length;
    for (const { id } of missing) if (samples.length < SAMPLES) samples.push(id);
    if (repair) report.repaired += await repairRows(client, options, context, table, missing);
  }
  context.progress(table.location, report.rows, report.rows);
  return { ...report, samples };
}

async function readKeys(
  client: PgClient,
  { signal }: Context,
  table: SurveyedTable,
  from: readonly string[] | null,
  where: string | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly last: readonly string[] | null }> {
  const rows: Row[] = [];
  let last = from;
  while (rows.length < BATCH) {
    signal.throwIfAborted();
    const chunk = await readAfter(client, table, last, where, 2_000);
    const end = chunk.at(-1);
    if (end === undefined) break;
    last = end.key;
    for (const row of chunk) rows.push({ key: row.key, id: idOf(table, row) });
  }
  return { rows, last };
}

async function unseen(
  { seen }: Context,
  { location }: SurveyedTable,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const operations = await seen(
    location,
    rows.map((row) => row.id),
  );
  return rows.filter((row) => (operations.get(row.id) ?? "delete") === "delete");
}

/** What was changed only now is on its way yet, or deleted again. */
async function lookAgain(
  client: PgClient,
  options: ResolvedOptions,
  context: Context,
  table: SurveyedTable,
  candidates: readonly Row[],
): Promise<{ readonly missing: readonly Row[]; readonly pending: number }> {
  await sleep(context.clock, ON_ITS_WAY, context.signal);
  // Looked at before the journal: what arrives in between is in the journal.
  const isOnItsWay = await changesOnTheirWay(client, options, context, table);
  const left = await unseen(context, table, candidates);
  const there = new Set<string>();
  for (let from = 0; from < left.length; from += REPAIRED_AT_ONCE) {
    const keys = left.slice(from, from + REPAIRED_AT_ONCE).map((row) => row.key);
    for (const row of await readByKey(client, table, keys)) there.add(idOf(table, row));
  }
  const still = left.filter((row) => there.has(row.id));
  const missing = still.filter((row) => !isOnItsWay(row.id));
  return { missing, pending: still.length - missing.length };
}

async function repairRows(
  client: PgClient,
  options: ResolvedOptions,
  context: Context,
  table: SurveyedTable,
  missing: readonly Row[],
): Promise<number> {
  const uid = createUidSource(context.random);
  for (let from = 0; from < missing.length; from += REPAIRED_AT_ONCE) {
    const keys = missing.slice(from, from + REPAIRED_AT_ONCE).map((row) => row.key);
    await context.emitRead(async () => {
      const rows = await readByKey(client, table, keys);
      const events = rows.map((row) => toReadEvent(table, row, uid(context.clock.now()), options));
      return { events: events as SourceRead<Record<string, unknown>>["events"] };
    });
  }
  // What the input has told of itself meanwhile, or what was deleted, is missing no more.
  return missing.length;
}
