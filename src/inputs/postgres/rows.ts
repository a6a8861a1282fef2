import { createHash } from "node:crypto";
import { parseCauseText } from "../../model/cause-text.ts";
import { EVERY_RECORD, PREVIOUS_ID_HEADER, type EventInit } from "../../model/event.ts";
import { parseRow } from "./exact-json.ts";
import type { Columns, RowData } from "./options.ts";
import type { Shape } from "./shapes.ts";

/** A row of the outbox, column by column; all as text. */
export type OutboxRow = readonly [
  seq: string,
  uid: string,
  relation: string,
  operation: string,
  location: string,
  cause: string | null,
  before: string | null,
  after: string | null,
];

/** When a row was written: milliseconds since 1970. */
export const WRITTEN_AT = "(date_part('epoch', at) * 1000)::int8::text";

/** Of a row; its uid is made of the first two. */
export const OUTBOX_COLUMNS: string = `seq::text, ${WRITTEN_AT}, relation::text, operation::text, location, cause, old, new`;

type Row = Record<string, unknown>;

/** Makes the event of an outbox row. */
export function toEventInit(row: OutboxRow, shape: Shape, wanted: RowData, columns?: Columns): EventInit {
  const [, uid, , operation, location, cause, before, after] = row;
  const common = { uid, location, time: timeOf(uid), ...causeOf(cause) };
  if (operation === "t")
    return { ...common, operation: "delete", id: EVERY_RECORD, ...truncated(location, shape) };

  const old = before === null ? null : readRow(before, shape);
  const now = after === null ? null : readRow(after, shape);
  const oldId = old === null ? undefined : recordId(old, before as string, shape.key);
  const id = now === null ? oldId : recordId(now, after as string, shape.key);
  return {
    ...common,
    operation: OPERATIONS[operation] ?? "unknown",
    ...(id !== undefined && { id }),
    ...(oldId !== undefined && oldId !== id && { headers: { [PREVIOUS_ID_HEADER]: oldId } }),
    ...dataOf(old, now, wanted, wanted === "key" ? shape.key : columnsOf(location, columns)),
  };
}

function readRow(text: string, { exact, virtual = [] }: Shape): Row {
  const row = parseRow(text, exact);
  for (const column of virtual) delete row[column];
  return row;
}

const OPERATIONS: Readonly<Record<string, "create" | "read" | "update" | "delete">> = {
  r: "read",
  i: "create",
  u: "update",
  d: "delete",
};

/**
 * A record's id: the text of its primary key. The parts of a composite key are joined by commas, with a backslash
 * before every comma and backslash of a part. Without a key the whole row is its identity: 32 digits of its SHA-256.
 */
export function recordId(row: Row, text: string, key: readonly string[]): string {
  const [first] = key;
  if (first === undefined || key.some((column) => !Object.hasOwn(row, column))) {
    return createHash("sha256").update(text).digest("hex").slice(0, 32);
  }
  if (key.length === 1) return keyText(row[first]);
  return key.map((column) => keyText(row[column]).replace(/[\\,]/g, "\\$&")).join(",");
}

function keyText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function columnsOf(location: string, columns: Columns | undefined): readonly string[] | undefined {
  if (columns === undefined || isList(columns)) return columns;
  return Object.hasOwn(columns, location) ? columns[location] : undefined;
}

function isList(columns: Columns): columns is readonly string[] {
  return Array.isArray(columns);
}

function dataOf(
  old: Row | null,
  now: Row | null,
  wanted: RowData,
  columns: readonly string[] | undefined,
): { data?: unknown } {
  if (wanted === "none") return {};
  if (wanted === "old+new") return { data: { old: pick(old, columns), new: pick(now, columns) } };
  const data = pick(wanted === "old" ? old : (now ?? old), columns);
  return data === null ? {} : { data };
}

/** Columns that a row does not have are left out: tables are altered, and a list may be that of several. */
function pick(row: Row | null, columns: readonly string[] | undefined): Row | null {
  if (row === null || columns === undefined) return row;
  const wanted = columns.filter((column) => Object.hasOwn(row, column));
  return Object.fromEntries(wanted.map((column) => [column, row[column]]));
}

/** Truncating one partition alone leaves the others: the header says which. */
function truncated(location: string, shape: Shape): Pick<EventInit, "headers"> {
  const isPart = shape.name !== null && shape.name !== location;
  return { headers: { truncate: "true", ...(isPart && { partition: shape.name }) } };
}

function causeOf(text: string | null): Pick<EventInit, "cause"> {
  const cause = parseCauseText(text);
  return cause === undefined ? {} : { cause };
}

/** The milliseconds that a uid begins with: when the row was captured. */
export function timeOf(uid: string): Date {
  return new Date(Number.parseInt(uid.slice(0, 8) + uid.slice(9, 13), 16));
}
