import type { EventInit } from "../../../model/event.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { quoteTable } from "../../../postgres/names.ts";
import { parseRow } from "../exact-json.ts";
import type { ResolvedOptions } from "../options.ts";
import { recordId, toEventInit } from "../rows.ts";
import { condition, keyColumns, keyParameters, type SurveyedTable } from "./tables.ts";

/** Most bytes of JSON in a chunk, unless a single row has more. */
const CHUNK_BYTES = 4 * 1_024 * 1_024;
/** How long counting may take, in milliseconds: it is only for the progress. */
const COUNT_TIMEOUT = 3_000;

/** A row as JSON text, with its key as text, column by column. */
export interface SourceRow {
  readonly key: readonly string[];
  readonly text: string;
  /** Only if it was asked for: the transaction that wrote the row as it is. */
  readonly version?: string;
}

/** The rows of a table after a key, in the key's order: `limit` of them, or fewer if they are long. */
export async function readAfter(
  client: PgClient,
  table: SurveyedTable,
  after: readonly string[] | null,
  where: string | undefined,
  limit: number,
  withVersion = false,
): Promise<readonly SourceRow[]> {
  const columns = keyColumns(table);
  const from = after === null ? "true" : `(${columns.join(", ")}) > ${keyParameters(table, 1)}`;
  const named = columns.map((column, index) => `${column} as k${index}`).join(", ");
  const order = columns.map((_, index) => `k${index}`).join(", ");
  const version = withVersion ? ", version" : "";
  return readRows(
    client,
    `select key, text${version} from (
       select key, text${version}, ${order},
         sum(octet_length(text)) over (order by ${order} rows unbounded preceding) - octet_length(text) as before
       from (
         select ${selected(columns, withVersion)}, ${named}
         from ${quoteTable(table)} t where ${from} and ${condition(where)}
         order by ${columns.join(", ")} limit ${limit}
       ) chunk
     ) sized where before < ${CHUNK_BYTES} order by ${order}`,
    after ?? [],
  );
}

/** The rows with these keys, as far as they are there. */
export async function readByKey(
  client: PgClient,
  table: SurveyedTable,
  keys: readonly (readonly string[])[],
  withVersion = false,
): Promise<readonly SourceRow[]> {
  const columns = keyColumns(table);
  const wanted = keys.map((_, index) => keyParameters(table, 1 + index * columns.length)).join(", ");
  return readRows(
    client,
    `select ${selected(columns, withVersion)} from ${quoteTable(table)} t
     where (${columns.join(", ")}) in (${wanted}) order by ${columns.join(", ")}`,
    keys.flat(),
  );
}

/** How many rows there are, for people: by the server's statistics, or counted if that is quick; else `null`. */
export async function estimateRows(
  client: PgClient,
  table: SurveyedTable,
  where: string | undefined,
): Promise<number | null> {
  if (where === undefined && table.estimate !== null) return table.estimate;
  await client.query(`set statement_timeout = ${COUNT_TIMEOUT}`);
  try {
    const { rows } = await client.query({
      text: `select count(*)::float8 as count from ${quoteTable(table)} t where ${condition(where)}`,
      queryMode: "extended",
    });
    return rows[0]?.["count"] as number;
  } catch {
    // Too slow; what is wrong with the condition is said where it matters.
    return null;
  } finally {
    await client.query("set statement_timeout = 0");
  }
}

/** The id that events of the row have. */
export function idOf({ shape }: SurveyedTable, { text }: SourceRow): string {
  return recordId(parseRow(text, shape.exact), text, shape.key);
}

/** The event of a row that was read, or, as an `update`, of one that has changed. */
export function toReadEvent(
  table: SurveyedTable,
  row: SourceRow,
  uid: string,
  { data, columns }: Pick<ResolvedOptions, "data" | "columns">,
  operation: "read" | "update" = "read",
): EventInit {
  const code = operation === "read" ? "r" : "u";
  return toEventInit(["", uid, "", code, table.location, null, null, row.text], table.shape, data, columns);
}

function selected(columns: readonly string[], withVersion: boolean): string {
  const key = columns.map((column) => `${column}::text`).join(", ");
  return `array[${key}] as key, row_to_json(t.*)::text as text${withVersion ? ", t.xmin::text as version" : ""}`;
}

async function readRows(
  client: PgClient,
  text: string,
  values: readonly string[],
): Promise<readonly SourceRow[]> {
  const { rows } = await client.query({ text, values, queryMode: "extended" });
  return rows as unknown as SourceRow[];
}
