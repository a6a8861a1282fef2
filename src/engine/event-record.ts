import type { EventRecord } from "../model/event.ts";
import type { EventRow } from "../journal/history.ts";

/** An event that was read from the history, as routing looks at it. */
export function toEventRecord(row: EventRow): EventRecord {
  return {
    uid: row.uid,
    trigger: row.trigger,
    location: row.location,
    operation: row.operation,
    id: row.id,
    key: row.key ?? null,
    time: Date.parse(row.time),
    data: row.data === undefined ? null : JSON.stringify(row.data),
    headers: row.headers === undefined ? null : JSON.stringify(row.headers),
    cause: row.cause ?? null,
  };
}
