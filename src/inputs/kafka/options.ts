import { z } from "zod";
import { connectionShape, topicName, type ConnectionOptions } from "../../kafka/options.ts";
import type { Duration } from "../../model/duration.ts";
import { pointerOption } from "../../net/options.ts";
import { durationOption } from "../../options/amounts.ts";

/** How the value of a message is read. */
export type Decode = "json" | "string" | "bytes" | "cloudevents";

/** JSON Pointers (RFC 6901) to the fields of an event in a value. */
export interface PickedFields {
  readonly operation?: string | undefined;
  readonly id?: string | undefined;
  readonly key?: string | undefined;
  /** Defaults to the whole value. */
  readonly data?: string | undefined;
}

/** Options of the `kafka` input. */
export interface KafkaInputOptions extends ConnectionOptions {
  /** Names of topics; or a pattern, a regular expression that the whole name must match: topics that appear later too. */
  readonly topics: readonly string[] | { readonly pattern: string };
  /** The consumer group, which keeps how far it got. Inputs of one group share the partitions. */
  readonly group: string;
  /** Where a group begins that has no offset yet: `earliest`, `latest`, or an ISO 8601 time. Defaults to `earliest`. */
  readonly from?: string | undefined;
  /** How values are read. Defaults to `json`. */
  readonly decode?: Decode | undefined;
  /** The record's id: `offset` (partition/offset) or `key`. Defaults to `offset`. */
  readonly id?: "offset" | "key" | undefined;
  /** Where in the value an event's fields are; of a value that is JSON. What one does not find gets its default. */
  readonly pick?: PickedFields | undefined;
  /** What is done with a value that cannot be read: it is kept as base64, with a header; or the input fails. Defaults to `keep`. */
  readonly onUndecodable?: "keep" | "fail" | undefined;
  /** Most messages of a partition in one commit of the journal: 1 to 10,000. Defaults to 1,000. */
  readonly batchSize?: number | undefined;
  /** How long the group waits for a member that fell silent. Defaults to 30s. */
  readonly sessionTimeout?: Duration | undefined;
  /** How often is looked for new topics and partitions. Defaults to 30s. */
  readonly discoverEvery?: Duration | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends KafkaInputOptions {
  readonly from: string;
  readonly decode: Decode;
  readonly id: "offset" | "key";
  readonly onUndecodable: "keep" | "fail";
  readonly batchSize: number;
  readonly sessionTimeout: Duration;
  readonly discoverEvery: Duration;
}

const ISO_TIME = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?$/;

export const kafkaInputOptions: z.ZodType<ResolvedOptions, KafkaInputOptions> = z.strictObject({
  ...connectionShape,
  topics: z
    .union([
      z.array(topicName).min(1),
      z.strictObject({ pattern: z.string().refine(isPattern, "must be a regular expression") }),
    ])
    .describe('Names of topics; or { pattern = "…" }, a regular expression that the whole name must match.'),
  group: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, "must be 1 to 200 printable ASCII characters")
    .describe("The consumer group, which keeps how far it got."),
  from: z
    .string()
    .refine(isStart, "must be earliest, latest, or an ISO 8601 time such as 2026-11-24T08:00:00Z")
    .default("earliest")
    .describe(
      "Where a group begins that has no offset yet: earliest, latest, or a time. Defaults to earliest.",
    ),
  decode: z
    .enum(["json", "string", "bytes", "cloudevents"])
    .default("json")
    .describe("How values are read; bytes become base64. Defaults to json."),
  id: z
    .enum(["offset", "key"])
    .default("offset")
    .describe("The record's id: offset (partition/offset) or key. Defaults to offset."),
  pick: z
    .strictObject({ operation: pointerOption, id: pointerOption, key: pointerOption, data: pointerOption })
    .partial()
    .optional()
    .describe("JSON Pointers to the event's fields in a value. Without one, data is the whole value."),
  onUndecodable: z
    .enum(["keep", "fail"])
    .default("keep")
    .describe(
      "A value that cannot be read is kept as base64 with a header, or fails the input. Defaults to keep.",
    ),
  batchSize: z
    .int()
    .min(1)
    .max(10_000)
    .default(1_000)
    .describe("Most messages of a partition in one commit of the journal. Defaults to 1000."),
  sessionTimeout: durationOption
    .default("30s")
    .describe("How long the group waits for a member that fell silent. Defaults to 30s."),
  discoverEvery: durationOption
    .default("30s")
    .describe("How often is looked for new topics and partitions. Defaults to 30s."),
});

function isPattern(text: string): boolean {
  try {
    topicPattern(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws SyntaxError */
export function topicPattern(text: string): RegExp {
  return new RegExp(`^(?:${text})$`);
}

function isStart(text: string): boolean {
  return (
    text === "earliest" || text === "latest" || (ISO_TIME.test(text) && Number.isFinite(Date.parse(text)))
  );
}
