import { sleep } from "../../../model/clock.ts";
import type { SurveyContext } from "../../../model/component.ts";
import type { BackfillReport, BackfillRequest, ReadOutcome, SourceRead } from "../../../model/survey.ts";
import { isSluiceError } from "../../../model/errors.ts";
import { createUidSource } from "../../../model/uid.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { formatAddress, parseAddress } from "../../../postgres/names.ts";
import { sessionOf, type ResolvedOptions } from "../options.ts";
import { createPace, type Pace } from "./pace.ts";
import { estimateRows, readAfter, toReadEvent } from "./read.ts";
import { withSource } from "./source.ts";
import { findTables, type SurveyedTable } from "./tables.ts";

/** How long to wait before reading anew for a journal that was too busy. */
const REFUSED_PAUSE = 100;

/** How far the backfill of a table is, as the journal keeps it under `backfill:` and the table's name. */
interface Cursor {
  /** The database and the columns of the key: elsewhere, `after` is another place. */
  readonly of: string;
  readonly where: string | null;
  /** The last key that was read; `null` before the first. */
  readonly after: readonly string[] | null;
  readonly rows: number;
  readonly isDone: boolean;
}

type TableReport = BackfillReport["tables"][number];

/**
 * Emits the rows that are there, table by table, in the order of their primary keys. Each chunk is committed together
 * with the key of its last row: what was cut off goes on after it.
 *
 * @throws SluiceError INVALID_OPTIONS, SOURCE_UNAVAILABLE, SQL_FAILED, JOURNAL_FULL …
 */
export async function backfill(
  options: ResolvedOptions,
  context: SurveyContext<Record<string, unknown>>,
  request: BackfillRequest,
): Promise<BackfillReport> {
  const pace = createPace(request.rate, context.clock, context.signal);
  return withSource(context, options, async (client) => {
    const found = await findTables(client, options.tables, request.table);
    const tables: TableReport[] = [];
    for (const table of found) {
      tables.push(await backfillTable({ client, context, options, request, pace, table }));
    }
    return { tables };
  });
}

interface Work {
  readonly client: PgClient;
  readonly context: SurveyContext<Record<string, unknown>>;
  readonly options: ResolvedOptions;
  readonly request: BackfillRequest;
  readonly pace: Pace;
  readonly table: SurveyedTable;
}

async function backfillTable(work: Work): Promise<TableReport> {
  const { client, context, options, request, pace, table } = work;
  const { where } = request;
  const name = `backfill:${table.location}`;
  const uid = createUidSource(context.random);
  const kept = (await context.state.get(name))?.value as Cursor | undefined;
  const wanted = { of: placeOf(options, table), where: where ?? null };
  const resumes = request.restart !== true && isResumable(kept, wanted);
  let cursor: Cursor = resumes ? kept : { ...wanted, after: null, rows: 0, isDone: false };
  let emitted = 0;
  let overtaken = 0;
  const total = await estimateRows(client, table, where);
  const size = pace.size(options.batchSize);
  while (!cursor.isDone) {
    context.progress(table.location, cursor.rows, total);
    const began = context.clock.monotonic();
    const { after, rows: before } = cursor;
    const outcome = await emitPatiently(context, async () => {
      const rows = await readAfter(client, table, after, where, size);
      const last = rows.at(-1)?.key ?? after;
      cursor = { ...wanted, after: last, rows: before + rows.length, isDone: rows.length === 0 };
      const events = rows.map((row) => toReadEvent(table, row, uid(context.clock.now()), options));
      return { events: events as SourceRead<Record<string, unknown>>["events"], state: { [name]: cursor } };
    });
    emitted += outcome.emitted;
    overtaken += outcome.overtaken;
    if (!cursor.isDone) await pace.wait(cursor.rows - before, began);
  }
  context.progress(table.location, cursor.rows, cursor.rows);
  return { table: table.location, rows: cursor.rows, emitted, overtaken, resumed: resumes };
}

/** One that is done, or was of other rows, is begun anew. */
function isResumable(kept: Cursor | undefined, { of, where }: Pick<Cursor, "of" | "where">): kept is Cursor {
  return kept !== undefined && !kept.isDone && kept.where === where && kept.of === of;
}

function placeOf(options: ResolvedOptions, { key }: SurveyedTable): string {
  const address = formatAddress(parseAddress(sessionOf(options).connectionString));
  return `${address} ${JSON.stringify(key.map(({ name }) => name))}`;
}

/** Live events go first: when the journal has too much to do, what was read is read again later. */
async function emitPatiently(
  { emitRead, clock, signal }: SurveyContext<Record<string, unknown>>,
  read: () => Promise<SourceRead<Record<string, unknown>>>,
): Promise<ReadOutcome> {
  for (;;) {
    try {
      return await emitRead(read);
    } catch (error) {
      if (!isSluiceError(error, "JOURNAL_BACKLOG")) throw error;
      await sleep(clock, REFUSED_PAUSE, signal);
    }
  }
}
