import { hash } from "node:crypto";
import type { KafkaRecord } from "../../kafka/driver.ts";
import { HOPS_HEADER, RUN_HEADER, readSendingRun } from "../../model/cause-headers.ts";
import { SluiceError, isSluiceError } from "../../model/errors.ts";
import { UNDECODABLE_HEADER, type Cause, type EventInit } from "../../model/event.ts";
import type { PlaceUid } from "../../model/place-uid.ts";
import { isTraceparent } from "../../model/traceparent.ts";
import { readBinary, readStructured, type CloudEvent } from "../../net/cloudevents.ts";
import { compilePicks } from "../../net/pick.ts";
import type { ResolvedOptions } from "./options.ts";

/** A message with its place. */
export interface Message {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970, as its producer or its broker says. */
  readonly timestamp: bigint;
  readonly record: KafkaRecord;
}

export interface Decoder {
  /** The event of a message. @throws SluiceError INVALID_EVENT if the value cannot be read, and is to fail the input */
  event(message: Message, uidOf: PlaceUid): EventInit;
  /** The event of a message whose own was refused as none: its value as base64. @throws SluiceError INVALID_EVENT likewise */
  refused(message: Message, uidOf: PlaceUid, why: string): EventInit;
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Milliseconds that ISO 8601 has four digits for the year of. */
const LAST_TIME = Date.UTC(9999, 11, 31);
/** What tells how an event came to be is kept as its cause, not as a header. */
const CAUSE_HEADERS: ReadonlySet<string> = new Set([RUN_HEADER, HOPS_HEADER, "traceparent"]);

type Fields = Pick<EventInit, "location" | "operation" | "id" | "key" | "time" | "data" | "headers">;

export function createDecoder(
  options: Pick<ResolvedOptions, "decode" | "id" | "pick" | "onUndecodable">,
): Decoder {
  const picked = compilePicks(options.pick);

  function fieldsOf(
    message: Message,
    headers: Readonly<Record<string, string>>,
  ): Fields & { traceparent?: string } {
    const { value } = message.record;
    if (value === null) return { operation: "delete" };
    if (options.decode === "bytes") return { data: value.toString("base64") };
    const text = decodeText(value);
    if (options.decode === "string") return { data: text };
    if (options.decode === "cloudevents") return cloudEventFields(headers, value, text);
    const data = parseJson(text);
    return picked === undefined ? { data } : picked(data);
  }

  function event(message: Message, uidOf: PlaceUid): EventInit {
    const { headers, cause } = readHeaders(message.record);
    try {
      const { traceparent, ...fields } = fieldsOf(message, headers);
      const traced = cause ?? (traceparent === undefined ? undefined : { runs: [], hops: 0, traceparent });
      return {
        ...placeOf(message, uidOf, options.id),
        ...fields,
        ...(hasAny(headers, fields.headers) && { headers: { ...headers, ...fields.headers } }),
        ...(traced !== undefined && { cause: traced }),
      };
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      return refused(message, uidOf, error.message);
    }
  }

  function refused(message: Message, uidOf: PlaceUid, why: string): EventInit {
    if (options.onUndecodable === "fail") {
      throw new SluiceError("INVALID_EVENT", `${nameOf(message)}: ${why}`);
    }
    const { headers, cause } = readHeaders(message.record);
    return {
      ...placeOf(message, uidOf, "offset"),
      ...(message.record.value !== null && { data: message.record.value.toString("base64") }),
      headers: { ...headers, [UNDECODABLE_HEADER]: why.toWellFormed() },
      ...(cause !== undefined && { cause }),
    };
  }

  return { event, refused };
}

function hasAny(...all: readonly (object | undefined)[]): boolean {
  return all.some((one) => one !== undefined && Object.keys(one).length > 0);
}

export function nameOf({
  topic,
  partition,
  offset,
}: Pick<Message, "topic" | "partition" | "offset">): string {
  return `message ${partition}/${offset} of topic ${topic}`;
}

/** What every event of a message has, whatever its value is. */
function placeOf(message: Message, uidOf: PlaceUid, id: string): EventInit {
  const { topic, partition, offset, record } = message;
  const key = record.key === null ? undefined : keyText(record.key);
  const time = timeOf(message);
  return {
    // An offset that a double cannot hold would take a million messages a second for 285 years.
    uid: uidOf(Number(offset), time ?? 0),
    location: topic,
    id: id === "key" && key !== undefined ? key : `${partition}/${offset}`,
    ...(key !== undefined && { key }),
    ...(time !== undefined && { time: new Date(time) }),
  };
}

/** Times that are none, or that no date has, are as good as none. */
function timeOf({ timestamp }: Message): number | undefined {
  return timestamp >= 0n && timestamp <= BigInt(LAST_TIME) ? Number(timestamp) : undefined;
}

function readHeaders(record: KafkaRecord): { headers: Record<string, string>; cause: Cause | undefined } {
  if (record.headers.length === 0) return { headers: {}, cause: undefined };
  const all = new Map<string, string>();
  for (const [name, value] of record.headers) {
    const key = name === null ? "" : textOrBase64(name);
    const text = value === null ? "" : textOrBase64(value);
    const before = all.get(key);
    all.set(key, before === undefined ? text : `${before}, ${text}`);
  }
  const kept = [...all].filter(([name]) => !CAUSE_HEADERS.has(name));
  return { headers: Object.fromEntries(kept), cause: causeOf(all) };
}

/** What is not well-formed is not believed. */
function causeOf(headers: ReadonlyMap<string, string>): Cause | undefined {
  const run = readSendingRun({ get: (name) => headers.get(name) ?? null });
  const traceparent = headers.get("traceparent");
  const isTraced = traceparent !== undefined && isTraceparent(traceparent);
  if (run === undefined && !isTraced) return undefined;
  return { ...(run ?? { runs: [], hops: 0 }), ...(isTraced && { traceparent }) };
}

/** Structured if the content type says so, else binary (Kafka binding, section 3). */
function cloudEventFields(
  headers: Readonly<Record<string, string>>,
  value: Buffer,
  text: string,
): Fields & { traceparent?: string } {
  const type = (headers["content-type"] ?? "").toLowerCase();
  const found = type.startsWith("application/cloudevents+json")
    ? readStructured(objectIn(text))
    : readBinary(attributesIn(headers), binaryData(type, value, text));
  // Its source is where it came from first; the location of what is read from Kafka is the topic.
  const { location, ...fields } = found.event;
  return {
    ...fields,
    headers: { "ce-source": String(location), ...fields.headers },
    ...traceOf(found),
  };
}

function traceOf({ traceparent }: CloudEvent): { traceparent?: string } {
  return traceparent !== undefined && isTraceparent(traceparent) ? { traceparent } : {};
}

/** Attributes are headers that begin with `ce_` (section 3.2.3.1); their values are UTF-8 as they are. */
function attributesIn(headers: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const named = Object.entries(headers).filter(([name]) => name.startsWith("ce_"));
  return new Map(named.map(([name, value]) => [name.slice(3), value]));
}

function binaryData(type: string, value: Buffer, text: string): unknown {
  if (type === "" || /^[a-z]+\/(?:.+\+)?json\b/.test(type)) return parseJson(text);
  return type.startsWith("text/") ? text : value.toString("base64");
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw undecodable("the value is no JSON object");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw undecodable("the value is no JSON");
  }
}

function decodeText(value: Buffer): string {
  try {
    return STRICT.decode(value);
  } catch {
    throw undecodable("the value is no UTF-8 text");
  }
}

/** A longer key is no name; its digest orders events as well. */
const LONGEST_KEY = 1_024;

function keyText(key: Buffer): string {
  return key.length > LONGEST_KEY ? `sha256:${hash("sha256", key)}` : textOrBase64(key);
}

/** Keys and headers are bytes; most are text. */
function textOrBase64(bytes: Buffer): string {
  try {
    return STRICT.decode(bytes);
  } catch {
    return `base64:${bytes.toString("base64")}`;
  }
}

function undecodable(message: string): SluiceError {
  return new SluiceError("INVALID_EVENT", message);
}
