import type { RunContext } from "../../model/component.ts";
import { formatEvent, type Event } from "../../model/event.ts";
import { compileTemplate, type Template } from "../../net/template.ts";

/** What is sent of an event. */
export type BodyKind = "event" | "cloudevents-binary" | "cloudevents-structured";

export interface Content {
  /** Defaults to none: there is nothing to send. */
  readonly type: string | undefined;
  readonly text: string;
  /** Headers that belong to it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether its type must not be another one. */
  readonly isFixed: boolean;
}

export type MakeContent = (event: Event, context: Pick<RunContext, "traceparent">) => Content;

export function createContent(kind: BodyKind, template: Template | undefined): MakeContent {
  if (template !== undefined) {
    const fill = compileTemplate(template);
    return (event) => json(JSON.stringify(fill(event) ?? null));
  }
  if (kind === "event") return (event) => json(formatEvent(event));
  return kind === "cloudevents-binary" ? binary : structured;
}

function json(text: string): Content {
  return { type: "application/json", text, headers: {}, isFixed: false };
}

/** Attributes of a CloudEvent that are its own, so that no header of an event takes their place. */
const OWN: ReadonlySet<string> = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "datacontenttype",
  "dataschema",
  "data",
  "database64",
  "traceparent",
]);
/** Names of extensions (CloudEvents 1.0.2, "Naming conventions"). */
const EXTENSION = /^[a-z0-9]{1,20}$/;

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, "Context attributes". */
function attributesOf(
  event: Event,
  { traceparent }: Pick<RunContext, "traceparent">,
): Record<string, string> {
  const extensions = Object.entries(event.headers).filter(([name]) => EXTENSION.test(name) && !OWN.has(name));
  return {
    specversion: "1.0",
    id: event.uid,
    source: uriReference(event.location),
    type: event.headers["ce-type"] ?? `sluice.event.${event.operation}`,
    subject: event.id,
    time: event.time,
    ...Object.fromEntries(extensions),
    // Distributed tracing extension: what caused this call.
    traceparent,
  };
}

/** A source is a URI reference that is not empty. */
function uriReference(location: string): string {
  return location === "" ? "/" : encodeURI(location.toWellFormed()).replaceAll("%25", "%");
}

/** JSON event format and HTTP binding 1.0.2, section 3.2. */
function structured(event: Event, context: Pick<RunContext, "traceparent">): Content {
  const attributes = attributesOf(event, context);
  const data = event.data === undefined ? {} : { datacontenttype: "application/json", data: event.data };
  return {
    type: "application/cloudevents+json; charset=utf-8",
    text: JSON.stringify({ ...attributes, ...data }),
    headers: {},
    isFixed: true,
  };
}

/** HTTP binding 1.0.2, section 3.1: attributes are headers, the body is the data alone. */
function binary(event: Event, context: Pick<RunContext, "traceparent">): Content {
  const headers = Object.entries(attributesOf(event, context)).map(
    ([name, value]) => [`ce-${name}`, percentEncode(value)] as const,
  );
  const hasData = event.data !== undefined;
  return {
    type: hasData ? "application/json" : undefined,
    text: hasData ? JSON.stringify(event.data) : "",
    headers: Object.fromEntries(headers),
    isFixed: true,
  };
}

/** Space, quotes, percent and everything beyond printable ASCII (section 3.1.3.2). */
function percentEncode(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
}
