import type { SQLInputValue } from "node:sqlite";
import { isUid } from "../../../model/event.ts";
import type { EventQuery } from "../../history.ts";
import { readCursor, readLimit, takePage, toCursor } from "../../rows.ts";
import { RUNS_PER_EVENT } from "../../run-code.ts";
import { OPERATION_CODES } from "../layout.ts";
import { toStoredText } from "../stored-text.ts";
import { writeUid } from "../uid-blob.ts";
import { EVENT_COLUMNS, payloadOf, type Row } from "./rows.ts";
import type { Tables } from "./tables.ts";

/** So many events are held against a filter for one page: the reader is for all. */
const LOOKED_AT = 50_000;

interface EventRows {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

/** A page of events. With large ones, or a filter beyond the trigger it may be short, and still have a next one. */
export function pageOfEvents(tables: Tables, query: EventQuery): EventRows {
  const limit = readLimit(query);
  const cursor = readCursor("event", query);
  const { conditions, parameters } = conditionsOf(tables, query);
  const isFiltered = conditions.length > (query.trigger === undefined ? 0 : 1);
  const window = isFiltered ? windowOf(tables, cursor, query.oldestFirst === true) : undefined;
  if (window !== undefined) {
    conditions.push("e.seq between ? and ?");
    parameters.push(window.from, window.to);
  }
  const found =
    query.oldestFirst === true
      ? ascending(tables, cursor ?? 0, conditions, parameters, limit + 1)
      : descending(tables, cursor ?? Number.MAX_SAFE_INTEGER, conditions, parameters, limit + 1);
  const { items: rows, isCut } = takePage(found, limit, payloadOf);
  const last = isCut ? (rows.at(-1)?.[0] as number) : window?.goesOn;
  return { rows, next: last === undefined ? null : toCursor("event", last) };
}

function ascending(
  tables: Tables,
  after: number,
  conditions: readonly string[],
  parameters: readonly SQLInputValue[],
  limit: number,
): Iterable<Row> {
  const sql = `select ${EVENT_COLUMNS} from events e where ${["e.seq > ?", ...conditions].join(" and ")} order by e.seq limit ?`;
  return tables.ascending(sql, after, after, ...parameters, limit);
}

function descending(
  tables: Tables,
  before: number,
  conditions: readonly string[],
  parameters: readonly SQLInputValue[],
  limit: number,
): Iterable<Row> {
  const sql = `select ${EVENT_COLUMNS} from events e where ${["e.seq < ?", ...conditions].join(" and ")} order by e.seq desc limit ?`;
  return tables.descending(sql, before, before, ...parameters, limit);
}

interface Window {
  readonly from: number;
  readonly to: number;
  /** The cursor's position behind it; `undefined` if it reaches the end. */
  readonly goesOn: number | undefined;
}

/** The events that are looked at for one page. */
function windowOf(tables: Tables, cursor: number | undefined, ascends: boolean): Window {
  const [ends] = tables.all("select (select min(seq) from events), (select max(seq) from events)");
  const [first, last] = (ends ?? []).map((end) => (end as number | null) ?? 0) as [number, number];
  if (ascends) {
    const from = Math.max(first, (cursor ?? 0) + 1);
    const to = from + LOOKED_AT - 1;
    return { from, to, goesOn: to < last ? to : undefined };
  }
  const to = Math.min(last, (cursor ?? Number.MAX_SAFE_INTEGER) - 1);
  const from = to - LOOKED_AT + 1;
  return { from, to, goesOn: from > first ? from : undefined };
}

function conditionsOf(
  tables: Tables,
  query: EventQuery,
): { conditions: string[]; parameters: SQLInputValue[] } {
  const conditions: string[] = [];
  const parameters: SQLInputValue[] = [];
  const where = (condition: string, ...values: readonly SQLInputValue[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  const { trigger, location, key, operation, since, until, without } = query;
  if (trigger !== undefined) where("e.source = ?", tables.idOf(trigger) ?? -1);
  if (location !== undefined) where("e.location = ?", toStoredText(location));
  if (key !== undefined) where(...hasKey(key));
  if (operation !== undefined) where("e.operation = ?", OPERATION_CODES.indexOf(operation));
  if (since !== undefined) where("e.time >= ?", since);
  if (until !== undefined) where("e.time < ?", until);
  if (without !== undefined) {
    where(
      `not exists (select 1 from runs r where r.id between e.seq * ${RUNS_PER_EVENT} and e.seq * ${RUNS_PER_EVENT} + ${RUNS_PER_EVENT - 1} and r.process = ?)`,
      tables.idOf(without) ?? -1,
    );
  }
  return { conditions, parameters };
}

/** An event whose id is its uid has none of its own on disk. */
function hasKey(key: string): [condition: string, ...SQLInputValue[]] {
  const text = toStoredText(key);
  const uid = key.slice(key.lastIndexOf("/") + 1);
  if (!isUid(uid)) return ["(e.key = ? or e.key is null and e.location || '/' || e.id = ?)", text, text];
  return [
    "(e.key = ? or e.key is null and (e.location || '/' || e.id = ? or e.id is null and e.uid = ? and e.location = ?))",
    text,
    text,
    writeUid(uid, new Uint8Array(16)),
    toStoredText(key.slice(0, -uid.length - 1)),
  ];
}
