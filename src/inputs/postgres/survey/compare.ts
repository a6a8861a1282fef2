import { isDeepStrictEqual } from "node:util";
import type { KnownRecord } from "../../../model/survey.ts";
import type { ResolvedOptions } from "../options.ts";
import { toReadEvent, type SourceRow } from "./read.ts";
import type { SurveyedTable } from "./tables.ts";

export type Verdict = "same" | "differs" | "unknown";
type Row = Readonly<Record<string, unknown>>;

/** What an audit says of a row, given the newest event that the journal has of it. */
export function judge(
  table: SurveyedTable,
  row: SourceRow,
  { data, mayBeStale }: KnownRecord,
  options: ResolvedOptions,
): Verdict {
  const told = rowIn(data, options);
  // What the journal has of both went through JSON.
  const sent: unknown = JSON.parse(JSON.stringify(toReadEvent(table, row, "", options).data ?? null));
  const now = rowIn(sent, options);
  if (told === undefined || now === undefined) return "unknown";
  // Columns that were added, dropped or not sent, an unchanged value that is stored aside say, are no difference.
  const columns = Object.keys(now).filter((column) => Object.hasOwn(told, column));
  if (columns.length === 0) return "unknown";
  if (columns.every((column) => isDeepStrictEqual(told[column], now[column]))) return "same";
  return mayBeStale ? "unknown" : "differs";
}

/** The row as it was after the change that an event tells of. */
function rowIn(data: unknown, { data: sent }: ResolvedOptions): Row | undefined {
  const row = sent === "old+new" && isObject(data) ? data["new"] : data;
  return isObject(row) ? row : undefined;
}

function isObject(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
