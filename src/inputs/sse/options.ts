import { z } from "zod";
import { parseDuration, type Duration } from "../../model/duration.ts";
import type { ClientTls } from "../../net/client.ts";
import {
  allowPrivateOption,
  headersOption,
  pickOption,
  type Headers,
  type PickedFields,
} from "../../net/options.ts";
import { clientTlsOption } from "../../net/tls.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";

/** Options of the `sse` input. */
export interface SseInputOptions {
  /** The stream: http or https, without user and password. */
  readonly url: string;
  /** Headers that are sent, such as `Authorization`. */
  readonly headers?: Headers | undefined;
  /** Names of the messages that are taken; one without a name is called `message`. Defaults to all. */
  readonly events?: readonly string[] | undefined;
  /** What a message's name is for its event, besides the header `sse-event`. Defaults to neither. */
  readonly eventAs?: "operation" | "location" | undefined;
  /** How the data of messages is read. Defaults to `json`. */
  readonly read?: "json" | "text" | undefined;
  /** JSON Pointers to the fields of an event in the data. Without one, `data` is all of it. */
  readonly pick?: PickedFields | undefined;
  /** The location of events that do not say theirs. Defaults to the URL without its query. */
  readonly location?: string | undefined;
  /** A connection that is silent for so long, comments too, is given up and made anew. Defaults to 2m. */
  readonly idle?: Duration | undefined;
  /** Largest message. Defaults to 1MiB. */
  readonly maxMessage?: number | string | undefined;
  /** Whom https trusts, and the certificate that is shown. Defaults to the authorities that Node trusts, and none. */
  readonly tls?: ClientTls | undefined;
  /** Whether private addresses may be asked, or the ranges (CIDR) that may. Defaults to `false`. */
  readonly allowPrivate?: boolean | readonly string[] | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends SseInputOptions {
  readonly headers: Headers;
  readonly read: "json" | "text";
  readonly idle: Duration;
  readonly maxMessage: number | string;
  readonly allowPrivate: boolean | readonly string[];
}

/** Headers that are ours to set, or the connection's. */
const RESERVED =
  /^(?:accept|accept-encoding|last-event-id|host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect)$/i;
const SHORTEST_IDLE = 1_000;

export const sseInputOptions: z.ZodType<ResolvedOptions, SseInputOptions> = z
  .strictObject({
    url: z.string().describe("The stream: http or https."),
    headers: headersOption(RESERVED).describe("Headers that are sent, such as Authorization."),
    events: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("Names of the messages that are taken; one without a name is message. Defaults to all."),
    eventAs: z
      .enum(["operation", "location"])
      .optional()
      .describe("What a message's name is for its event, besides a header. Defaults to neither."),
    read: z.enum(["json", "text"]).default("json").describe("How the data is read. Defaults to json."),
    pick: pickOption.describe(
      "JSON Pointers to an event's fields in the data. Without one, data is all of it.",
    ),
    location: z
      .string()
      .min(1)
      .optional()
      .describe("The location of events that do not say theirs. Defaults to the URL without query."),
    idle: durationOption
      .refine((text) => parseDuration(text) >= SHORTEST_IDLE, "must be 1s at least")
      .default("2m")
      .describe("A connection that is silent for so long is made anew. Defaults to 2m."),
    maxMessage: sizeOption.default("1MiB").describe("Largest message. Defaults to 1MiB."),
    tls: clientTlsOption.describe("ca, and cert and key to be shown, as PEM text."),
    allowPrivate: allowPrivateOption,
  })
  .refine((given) => given.pick === undefined || given.read !== "text", {
    path: ["pick"],
    message: 'fields cannot be picked out of text; leave out read = "text"',
  });
