import { SluiceError } from "../../model/errors.ts";
import { readSendingRun } from "../../model/cause-headers.ts";
import type { Cause, EventInit } from "../../model/event.ts";
import { parseRunId } from "../../model/run.ts";
import { isTraceparent } from "../../model/traceparent.ts";
import { readBinary, readStructured } from "../../net/cloudevents.ts";
import { parseJson } from "./body.ts";
import { compilePicks, exactId, type Picks } from "../../net/pick.ts";

export interface DecoderOptions {
  /** Where an event is said to have been seen if the body does not say. */
  readonly location: string;
  readonly pick: Picks | undefined;
  /** Names of request headers that are kept in the event's headers. */
  readonly keepHeaders: readonly string[];
}

export interface Decoded {
  readonly event: EventInit;
  /** CloudEvents' own identity of the delivery. */
  readonly delivery?: string;
}

export type Decoder = (headers: Headers, body: Uint8Array) => Decoded;

type JsonObject = Readonly<Record<string, unknown>>;

const JSON_TYPE = /^(?:application|text)\/(?:json|[a-z0-9!#$&^_.+-]+\+json)$/;
const STRUCTURED_TYPE = "application/cloudevents+json";
const UTF_8 = /^utf-?8$/i;

/** The keys of our event JSON. An object with another key is somebody else's. */
const EVENT_KEYS: ReadonlySet<string> = new Set([
  "location",
  "operation",
  "id",
  "trigger",
  "uid",
  "time",
  "key",
  "data",
  "headers",
  "cause",
]);
const TELLING_KEYS = ["operation", "id", "trigger", "data"];

/**
 * Reads CloudEvents (binary, structured), what `pick` finds, our event JSON, or any other JSON object as `data`:
 * the first of these that fits.
 *
 * The decoder throws SluiceError BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, INVALID_EVENT or INVALID_OPERATION.
 */
export function createDecoder(options: DecoderOptions): Decoder {
  const picked = compilePicks(options.pick);

  function read(headers: Headers, body: Uint8Array): Decoded & { readonly traceparent?: string | undefined } {
    const type = mediaType(headers);
    if (type.startsWith("application/cloudevents") && type !== STRUCTURED_TYPE) throw unsupported(type);
    if (type === STRUCTURED_TYPE) return readStructured(objectIn(body));
    if (headers.has("ce-specversion")) {
      return readBinary(cloudEventHeaders(headers), body.length === 0 ? undefined : parseJson(body));
    }
    const object = objectIn(body);
    if (picked !== undefined) return { event: picked(object) };
    return { event: isEventJson(object) ? readEventJson(object) : { data: object } };
  }

  return (headers, body) => {
    const { event, delivery, traceparent } = read(headers, body);
    const cause = causeOf(headers, event.cause, traceparent);
    const kept = keptHeaders(headers, options.keepHeaders);
    return {
      event: {
        location: options.location,
        ...event,
        ...(kept !== undefined && { headers: { ...kept, ...event.headers } }),
        ...(cause !== undefined && { cause }),
      },
      ...(delivery !== undefined && { delivery }),
    };
  };
}

/** The attributes of a CloudEvent in `ce-` headers, percent-encoded (HTTP binding, section 3.1.3.2). */
function cloudEventHeaders(headers: Headers): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [name, value] of headers) {
    if (name.startsWith("ce-")) attributes.set(name.slice(3), percentDecode(value));
  }
  return attributes;
}

function percentDecode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The type in lower case, JSON if there is none. @throws SluiceError UNSUPPORTED_MEDIA_TYPE */
function mediaType(headers: Headers): string {
  const header = headers.get("content-type");
  if (header === null || header.trim() === "") return "application/json";
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim());
  const lower = type.toLowerCase();
  if (!JSON_TYPE.test(lower)) throw unsupported(lower);
  for (const parameter of parameters) {
    const [name, value = ""] = parameter.split("=");
    if (name?.toLowerCase() === "charset" && !UTF_8.test(value.replaceAll('"', "")))
      throw unsupported(header);
  }
  return lower;
}

function objectIn(body: Uint8Array): JsonObject {
  const value = parseJson(body);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new SluiceError("BAD_REQUEST", "the body must be a JSON object");
}

function isEventJson(object: JsonObject): boolean {
  if (typeof object["location"] !== "string") return false;
  const keys = Object.keys(object);
  return keys.every((key) => EVENT_KEYS.has(key)) && TELLING_KEYS.some((key) => keys.includes(key));
}

/** The trigger is left out: an event is triggered by the input that takes it. */
function readEventJson(object: JsonObject): EventInit {
  const event: Record<string, unknown> = { ...object };
  delete event["trigger"];
  if ("id" in event) event["id"] = exactId(event["id"]);
  if ("cause" in event) event["cause"] = checkCause(event["cause"]);
  // Whoever keeps an event checks the types of its other fields.
  return event;
}

function keptHeaders(headers: Headers, names: readonly string[]): Record<string, string> | undefined {
  const kept: [string, string][] = [];
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) kept.push([name.toLowerCase(), value]);
  }
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** Most runs that a cause may name. */
const MOST_RUNS = 100;

/** What another pipeline, or a client with tracing, says of where the event comes from. What is not well-formed is not believed. */
function causeOf(
  headers: Headers,
  said: Cause | undefined,
  extension: string | undefined,
): Cause | undefined {
  const traceparent = [headers.get("traceparent"), said?.traceparent, extension].find(
    (text) => typeof text === "string" && isTraceparent(text),
  );
  const origin =
    readSendingRun(headers) ?? (said === undefined ? undefined : { runs: said.runs, hops: said.hops });
  if (origin === undefined && traceparent === undefined) return undefined;
  return { ...(origin ?? { runs: [], hops: 0 }), ...(typeof traceparent === "string" && { traceparent }) };
}

function checkCause(cause: unknown): Cause {
  const { runs, hops, traceparent } = (
    typeof cause === "object" && cause !== null ? cause : {}
  ) as Partial<Cause>;
  const areRuns =
    Array.isArray(runs) &&
    runs.length <= MOST_RUNS &&
    runs.every((run) => typeof run === "string" && parseRunId(run) !== undefined);
  const isHops = Number.isSafeInteger(hops) && (hops as number) >= 0;
  if (!areRuns || !isHops) {
    throw new SluiceError(
      "INVALID_EVENT",
      "the event's cause must be { runs: [ids of runs], hops: a count }",
      {
        details: { field: "cause" },
      },
    );
  }
  return { runs, hops: hops as number, ...(traceparent !== undefined && { traceparent }) };
}

function unsupported(type: string): SluiceError {
  return new SluiceError(
    "UNSUPPORTED_MEDIA_TYPE",
    `${JSON.stringify(type.slice(0, 100))} is not taken; send application/json or application/cloudevents+json in UTF-8`,
  );
}
