import { z } from "zod";
import { connectionShape, topicName, type ConnectionOptions } from "../../kafka/options.ts";
import { isPointer } from "../../net/pointer.ts";

/** Options of the `kafka` process. Pointers are JSON Pointers (RFC 6901) into the event, as `formatEvent` writes it. */
export interface KafkaProcessOptions extends ConnectionOptions {
  readonly topic: string;
  /** A JSON Pointer to what is sent, such as `/data`. Defaults to the whole event. */
  readonly value?: string | undefined;
  /** How that is written; text as it is under `string`, base64 decoded under `bytes`. Defaults to `json`. */
  readonly encode?: "json" | "string" | "bytes" | undefined;
  /** A JSON Pointer to the message's key. Defaults to the event's key. */
  readonly messageKey?: string | undefined;
  /** Headers by name: text, or a JSON Pointer (it begins with /) to a value. Defaults to the event's own headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A JSON Pointer to the partition's number. Defaults to none: the key decides. */
  readonly partition?: string | undefined;
  /** Whether a delete is sent as a message without a value, which removes its key from a compacted topic. Defaults to `false`. */
  readonly tombstones?: boolean | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends KafkaProcessOptions {
  readonly encode: "json" | "string" | "bytes";
  readonly tombstones: boolean;
}

/** Headers that are ours to set. */
const RESERVED = /^(?:x-sluice-.*|traceparent)$/i;

const pointer = z.string().refine(isPointer, "must be a JSON Pointer, such as /data/id (RFC 6901)");

export const kafkaProcessOptions: z.ZodType<ResolvedOptions, KafkaProcessOptions> = z.strictObject({
  ...connectionShape,
  topic: topicName.describe("The topic that messages go to."),
  value: pointer
    .optional()
    .describe("A JSON Pointer to what is sent, such as /data. Defaults to the whole event."),
  encode: z
    .enum(["json", "string", "bytes"])
    .default("json")
    .describe("How the value is written: bytes are given as base64. Defaults to json."),
  messageKey: pointer
    .optional()
    .describe("A JSON Pointer to the message's key. Defaults to the event's key."),
  headers: z
    .record(
      z
        .string()
        .min(1)
        .refine((name) => !RESERVED.test(name), "is a header that sluice sets itself"),
      z.string(),
    )
    .optional()
    .describe("Headers by name: text, or a JSON Pointer to a value. Defaults to the event's own headers."),
  partition: pointer
    .optional()
    .describe("A JSON Pointer to the partition's number. Defaults to none: the key decides."),
  tombstones: z
    .boolean()
    .default(false)
    .describe("Whether a delete is sent as a message without a value. Defaults to false."),
});
