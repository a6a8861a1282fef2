import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import { parseOperation, type Operation } from "../model/operation.ts";

/** What a CloudEvent says, apart from its data (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md). */
type Attributes = ReadonlyMap<string, string>;

export interface CloudEvent {
  readonly event: EventInit;
  /** Source and id: together they are unique (section "Required attributes", id). */
  readonly delivery: string;
  readonly traceparent: string | undefined;
}

const NAME = /^[a-z0-9]+$/;
const KNOWN: ReadonlySet<string> = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "datacontenttype",
  "dataschema",
]);
/** Longest id and source that are taken: they become part of the dedupe key. */
const LONGEST = { id: 256, source: 2_048 };

/** The structured mode: one JSON object (JSON event format, section 3). */
export function readStructured(body: Readonly<Record<string, unknown>>): CloudEvent {
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries(body)) {
    if (name === "data" || name === "data_base64" || value === null) continue;
    if (!NAME.test(name)) throw invalid(`${JSON.stringify(name)} is not a name of an attribute`);
    attributes.set(name, attributeText(name, value));
  }
  return toEvent(attributes, structuredData(body, attributes.get("datacontenttype")));
}

/** The binary mode: each attribute is a header of the transport, whose binding says how it is called and written. */
export function readBinary(attributes: ReadonlyMap<string, string>, data: unknown): CloudEvent {
  return toEvent(attributes, data);
}

function structuredData(body: Readonly<Record<string, unknown>>, type: string | undefined): unknown {
  const encoded = body["data_base64"];
  if (encoded === undefined) return body["data"];
  if (typeof encoded !== "string") throw invalid("data_base64 must be text");
  if (!/^application\/(?:.+\+)?json\b/i.test(type ?? "")) return encoded;
  try {
    return JSON.parse(Buffer.from(encoded, "base64").toString()) as unknown;
  } catch (cause) {
    throw new SluiceError("BAD_REQUEST", "data_base64 is not the JSON that datacontenttype says", { cause });
  }
}

function attributeText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw invalid(`the attribute ${name} must be text, a number or a boolean`);
}

function toEvent(attributes: Attributes, data: unknown): CloudEvent {
  if (attributes.get("specversion") !== "1.0") throw invalid(`specversion must be "1.0"`);
  const id = required(attributes, "id");
  const source = required(attributes, "source");
  const type = required(attributes, "type");
  if (id.length > LONGEST.id) throw invalid(`id must not have more than ${LONGEST.id} characters`);
  if (source.length > LONGEST.source)
    throw invalid(`source must not have more than ${LONGEST.source} characters`);
  const time = attributes.get("time");
  const event: EventInit = {
    location: source,
    operation: operationOf(type),
    id: attributes.get("subject") ?? id,
    headers: headersOf(attributes, type),
    ...(time !== undefined && { time }),
    ...(data !== undefined && { data }),
  };
  return { event, delivery: `${source}\n${id}`, traceparent: attributes.get("traceparent") };
}

/** `com.acme.order.created` does not parse, `com.acme.order.create` does. */
function operationOf(type: string): Operation {
  try {
    return parseOperation(type.slice(type.lastIndexOf(".") + 1));
  } catch {
    return "unknown";
  }
}

/** The extensions, and the type under `ce-type`: no extension can be called that, and it says more than the operation. */
function headersOf(attributes: Attributes, type: string): Record<string, string> {
  const extensions = [...attributes].filter(([name]) => !KNOWN.has(name));
  return Object.fromEntries([["ce-type", type], ...extensions]);
}

function required(attributes: Attributes, name: string): string {
  const value = attributes.get(name);
  if (value !== undefined && value !== "") return value;
  throw invalid(`the attribute ${name} is missing`);
}

function invalid(message: string): SluiceError {
  return new SluiceError("BAD_REQUEST", `not a CloudEvent: ${message}`);
}
