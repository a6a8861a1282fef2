import { SluiceError } from "../model/errors.ts";
import { isoTime, type EventRecord } from "../model/event.ts";
import type { RunRow } from "../model/run.ts";
import type { EventRow, PageQuery, RunDetail } from "./history.ts";

const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 1_000;
/** Characters of data and headers in one answer, unless those of its first event are more. */
const PAGE_SIZE = 8 * 1_024 * 1_024;

/** An event as people read it. */
export function toEventRow(record: EventRecord): EventRow {
  return {
    location: record.location,
    operation: record.operation,
    id: record.id,
    trigger: record.trigger,
    uid: record.uid,
    time: isoTime(record.time),
    ...(record.key !== null && record.key !== `${record.location}/${record.id}` && { key: record.key }),
    ...(record.data !== null && { data: JSON.parse(record.data) as unknown }),
    ...(record.headers !== null && { headers: JSON.parse(record.headers) as Record<string, string> }),
    ...(record.cause !== null && { cause: record.cause }),
  };
}

/** @param data JSON text, or `null` for a run that has the payload of its event */
export function withData(row: RunRow, data: string | null): RunDetail {
  return data === null ? row : { ...row, data: JSON.parse(data) as unknown };
}

/** ISO 8601, or `null` for a moment that has not come. */
export function isoOrNull(time: number | null): string | null {
  return time === null ? null : isoTime(time);
}

/** The beginning of a list of events: `limit` of them, or so many as fit into one answer; whether there are more. */
export function takePage<Item>(
  events: Iterable<Item>,
  limit: number,
  payloadOf: (event: Item) => Pick<EventRecord, "data" | "headers">,
): { readonly items: Item[]; readonly isCut: boolean } {
  const items: Item[] = [];
  let size = 0;
  for (const event of events) {
    const { data, headers } = payloadOf(event);
    size += (data?.length ?? 0) + (headers?.length ?? 0);
    if (items.length === limit || (size > PAGE_SIZE && items.length > 0)) return { items, isCut: true };
    items.push(event);
  }
  return { items, isCut: false };
}

/** What a cursor belongs to: one of another list is refused. */
export type CursorKind = "event" | "run" | "log";

/** Where a list of runs that is read oldest first goes on, and the last position that belongs to it. */
export interface Span {
  readonly after: number;
  readonly end: number;
}

/** Where a page ended, as text that means nothing outside. */
export function toCursor(kind: CursorKind, position: number): string {
  return Buffer.from(`${kind}:${position}`).toString("base64url");
}

/**
 * The position that a query goes on from; `undefined` for its beginning.
 *
 * @throws SluiceError INVALID_QUERY
 */
export function readCursor(kind: CursorKind, query: PageQuery | undefined): number | undefined {
  const cursor = query?.cursor;
  if (cursor === undefined) return undefined;
  const text = typeof cursor === "string" ? Buffer.from(cursor, "base64url").toString() : "";
  const position = Number(text.slice(kind.length + 1));
  if (text.startsWith(`${kind}:`) && Number.isSafeInteger(position) && toCursor(kind, position) === cursor) {
    return position;
  }
  throw noCursor(cursor);
}

export function toSpanCursor({ after, end }: Span): string {
  return Buffer.from(`runs:${after}-${end}`).toString("base64url");
}

/** As `readCursor`, for a list of runs that is read oldest first. */
export function readSpanCursor({ cursor }: PageQuery): Span | undefined {
  if (cursor === undefined) return undefined;
  const text = typeof cursor === "string" ? Buffer.from(cursor, "base64url").toString() : "";
  const [, after, end] = (/^runs:(\d{1,16})-(\d{1,16})$/.exec(text) ?? []).map(Number);
  if (after !== undefined && end !== undefined && toSpanCursor({ after, end }) === cursor) {
    return { after, end };
  }
  throw noCursor(cursor);
}

function noCursor(cursor: unknown): SluiceError {
  return new SluiceError(
    "INVALID_QUERY",
    `${JSON.stringify(String(cursor).slice(0, 100))} is not a cursor of this list; take the "next" of its last page, or none to begin anew`,
  );
}

/** @throws SluiceError INVALID_QUERY */
export function readLimit(query: PageQuery | undefined): number {
  const limit = query?.limit ?? DEFAULT_LIMIT;
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= LARGEST_LIMIT) return limit;
  throw new SluiceError(
    "INVALID_QUERY",
    `limit must be a whole number from 1 to ${LARGEST_LIMIT}, not ${String(limit).slice(0, 100)}`,
  );
}
