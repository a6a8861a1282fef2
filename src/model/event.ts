import { SluiceError } from "./errors.ts";
import { isJsonDeeperThan } from "./json-depth.ts";
import { parseOperation, type Operation } from "./operation.ts";
import type { NewUid } from "./uid.ts";

/** What an event was caused by: carried along so that one order can be followed through every stage. */
export interface Cause {
  /** Ids of the runs that caused the event. */
  readonly runs: readonly string[];
  /** How many runs lie between this event and one that nothing caused. 0 if it is not known. */
  readonly hops: number;
  /** W3C trace context (https://www.w3.org/TR/trace-context/#traceparent-header). */
  readonly traceparent?: string;
}

/** What an input saw. Read-only: every run gets its own copy of `data`. */
export interface Event<Data = unknown> {
  /** Table, topic, path…: where it was seen. */
  readonly location: string;
  readonly operation: Operation;
  /** The *record's* id. */
  readonly id: string;
  /** The name of the input (or of the process that emitted it). */
  readonly trigger: string;
  /** The event's own identity: a UUID, version 7 unless the emitter brought another. */
  readonly uid: string;
  /** When it was seen: ISO 8601, UTC, milliseconds. */
  readonly time: string;
  /** Ordering key. Defaults to `location/id`. */
  readonly key: string;
  /** The payload: JSON. `undefined` if there is none. */
  readonly data: Data;
  /** CloudEvents extensions, Kafka headers…; empty if there are none. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cause?: Cause;
}

/** What is handed to `emit`: everything has a default. */
export interface EventInit<Data = unknown> {
  /** Defaults to the emitter's name. */
  readonly location?: string;
  /** Any spelling that `parseOperation` reads. Defaults to `unknown`. */
  readonly operation?: Operation | (string & {});
  /** Defaults to the event's `uid`. */
  readonly id?: string | number | bigint;
  /**
   * A UUID: the event's identity over all inputs of a journal. Emitting it again, through whichever input, is a
   * duplicate. Defaults to a new UUIDv7.
   */
  readonly uid?: string;
  /** Defaults to now. */
  readonly time?: string | Date;
  /** Defaults to `location/id`. */
  readonly key?: string;
  /** Must survive JSON. */
  readonly data?: Data;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: Cause;
}

/** An event as a journal keeps it: flat, its payload as JSON text. */
export interface EventRecord {
  readonly uid: string;
  readonly trigger: string;
  readonly location: string;
  readonly operation: Operation;
  readonly id: string;
  /** `null` stands for the default, `location/id`. */
  readonly key: string | null;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** JSON text, or `null` for none. */
  readonly data: string | null;
  /** JSON text of an object of strings, or `null` for none. */
  readonly headers: string | null;
  readonly cause: Cause | null;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Levels of arrays and objects in a payload: far fewer than what overflows the stack of who prints it. */
const DEPTH_LIMIT = 1_000;

/** The id of an event that is about all records of its location, such as a TRUNCATE. */
export const EVERY_RECORD = "*";
/** The header of an update that gave its record another id: the one that it had. */
export const PREVIOUS_ID_HEADER = "previousid";
/** Set on an event that its source tells in another form than the input's options say: why. Its data is all there was. */
export const UNDECODABLE_HEADER = "sluice-undecodable";

/** The key that orders an event among others. */
export function orderingKey(record: EventRecord): string {
  return record.key ?? `${record.location}/${record.id}`;
}

/**
 * Checks what was emitted and makes the record that is kept.
 *
 * @throws SluiceError INVALID_EVENT or INVALID_OPERATION, naming the field.
 */
export function toEventRecord(init: EventInit, trigger: string, now: number, newUid: NewUid): EventRecord {
  const uid = init.uid === undefined ? newUid(now) : checkUid(init.uid);
  const { id, data } = init;
  return {
    uid,
    trigger,
    location: init.location === undefined ? trigger : checkText(init.location, "location"),
    operation: parseOperation(init.operation),
    id: id === undefined ? uid : typeof id === "string" ? checkText(id, "id") : checkId(id),
    key: init.key === undefined ? null : checkText(init.key, "key"),
    time: init.time === undefined ? now : checkTime(init.time),
    data: data === undefined ? null : toJson(data),
    headers: init.headers === undefined ? null : checkHeaders(init.headers),
    cause: init.cause ?? null,
  };
}

const NO_UID: NewUid = () => "00000000-0000-7000-8000-000000000000";

/** Throws what `toEventRecord` would, for those who can still say it better. */
export function checkEvent(init: EventInit, trigger: string): void {
  toEventRecord(init, trigger, 0, NO_UID);
}

/** The event that a process sees. Parses the payload anew, so that runs cannot disturb one another. */
export function toEvent<Data = unknown>(record: EventRecord): Event<Data> {
  const event = {
    location: record.location,
    operation: record.operation,
    id: record.id,
    trigger: record.trigger,
    uid: record.uid,
    time: isoTime(record.time),
    key: orderingKey(record),
    data: (record.data === null ? undefined : JSON.parse(record.data)) as Data,
    headers: record.headers === null ? NO_HEADERS : (JSON.parse(record.headers) as Record<string, string>),
  };
  return record.cause === null ? event : { ...event, cause: record.cause };
}

/**
 * The wire form: `{"location":…,"operation":…,"id":…,"trigger":…}` in that order, then
 * `uid, time, key, data, headers, cause`, each only if it is set.
 */
export function formatEvent(
  event: Pick<Event, "location" | "operation" | "id" | "trigger"> & Partial<Event>,
): string {
  const { location, operation, id, trigger, uid, time, key, data, headers, cause } = event;
  return JSON.stringify({
    location,
    operation,
    id,
    trigger,
    uid,
    time,
    key: key === `${location}/${id}` ? undefined : key,
    data,
    headers: headers === undefined || Object.keys(headers).length === 0 ? undefined : headers,
    cause,
  });
}

let lastTime = Number.NaN;
let lastIso = "";

/** ISO 8601 of milliseconds since 1970. Many events share a millisecond, so the last text is kept. */
export function isoTime(time: number): string {
  if (time !== lastTime) {
    lastIso = new Date(time).toISOString();
    lastTime = time;
  }
  return lastIso;
}

/** Whether a text is a UUID, in upper or lower case. */
export function isUid(text: string): boolean {
  return UUID.test(text.toLowerCase());
}

/** @throws SluiceError INVALID_EVENT unless `value` is a UUID; answers it in lower case. */
export function checkUid(value: unknown): string {
  const uid = typeof value === "string" ? value.toLowerCase() : "";
  if (UUID.test(uid)) return uid;
  throw invalid("uid", value, "a UUID such as 0193c0de-0000-7000-8000-000000000000");
}

/** A location, id or key is a name, which stands in indexes and messages; what is longer belongs into the data. */
const LONGEST_TEXT = 8_192;

/** A journal keeps these as text, in UTF-8: half of a surrogate pair would come back as another character. */
function checkText(value: unknown, field: string): string {
  if (typeof value !== "string") throw invalid(field, value, "a string");
  if (!value.isWellFormed()) throw invalid(field, value, "text without lone surrogates");
  if (value.length > LONGEST_TEXT) throw invalid(field, value, `at most ${LONGEST_TEXT} characters long`);
  return value;
}

function checkId(value: unknown): string {
  if (typeof value === "bigint" || Number.isFinite(value)) return String(value);
  throw invalid("id", value, "a string or a number");
}

function checkTime(value: unknown): number {
  const time =
    value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isFinite(time)) return time;
  throw invalid("time", value, "an ISO 8601 date and time");
}

function toJson(data: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (cause) {
    throw new SluiceError("INVALID_EVENT", `the event's data is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (text === undefined) throw invalid("data", typeof data, "a JSON value");
  if (isJsonDeeperThan(text, DEPTH_LIMIT))
    throw invalid("data", "deeper", `nested at most ${DEPTH_LIMIT} levels deep`);
  return text;
}

function checkHeaders(headers: unknown): string | null {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw invalid("headers", headers, "an object of strings");
  }
  let empty = true;
  for (const [name, value] of Object.entries(headers)) {
    empty = false;
    if (typeof value !== "string") throw invalid(`headers.${name}`, value, "a string");
  }
  return empty ? null : JSON.stringify(headers);
}

function invalid(field: string, value: unknown, wanted: string): SluiceError {
  const shown = typeof value === "bigint" ? `${value}n` : JSON.stringify(value)?.slice(0, 100);
  return new SluiceError("INVALID_EVENT", `the event's ${field} must be ${wanted}, not ${shown}`, {
    details: { field },
  });
}
