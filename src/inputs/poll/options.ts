import { z } from "zod";
import { parseDuration, type Duration } from "../../model/duration.ts";
import type { ClientTls } from "../../net/client.ts";
import {
  allowPrivateOption,
  headersOption,
  pickOption,
  pointerOption,
  type Headers,
  type PickedFields,
} from "../../net/options.ts";
import { clientTlsOption } from "../../net/tls.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";

/** How the next answer is asked for: as of where the last one ended. */
export interface CursorOptions {
  /** The parameter of the URL's query that it is sent in, such as `since`. */
  readonly query: string;
  /** A JSON Pointer to the next cursor in an answer. Give this, or `item`. */
  readonly from?: string | undefined;
  /** A JSON Pointer to it in the last item of an answer. */
  readonly item?: string | undefined;
  /** What is sent the first time. Defaults to nothing. */
  readonly initial?: string | undefined;
}

/** Options of the `poll` input. */
export interface PollInputOptions {
  /** What is asked: http or https, without user and password. */
  readonly url: string;
  /** Time from one poll to the next. Defaults to 1m. */
  readonly every?: Duration | undefined;
  /** Defaults to `GET`. */
  readonly method?: "GET" | "POST" | undefined;
  /** Sent with `POST`, as JSON unless `headers` has another `Content-Type`. Defaults to nothing. */
  readonly body?: string | undefined;
  /** Headers that are sent, such as `Authorization`. */
  readonly headers?: Headers | undefined;
  /** A JSON Pointer to the list of items in an answer: each is an event. Defaults to none: the answer is one event. */
  readonly items?: string | undefined;
  /** JSON Pointers to the fields of an event in an item. Without one, `data` is the whole item. */
  readonly pick?: PickedFields | undefined;
  /** A JSON Pointer to what tells an item's versions apart, such as `/updated_at`. Defaults to all of its data. */
  readonly version?: string | undefined;
  /** The location of events whose items do not say theirs. Defaults to the URL without its query. */
  readonly location?: string | undefined;
  /** Asks only for what is new. Defaults to none. */
  readonly cursor?: CursorOptions | undefined;
  /**
   * Where the next page is: a JSON Pointer to its URL in the answer, `link` (the header `Link` with `rel="next"`), or
   * `cursor` (asked for by the cursor until an answer has no items). Defaults to none.
   */
  readonly nextPage?: string | undefined;
  /** Most pages of one poll: 1 to 10,000. Defaults to 100. */
  readonly maxPages?: number | undefined;
  /** Items that are remembered, so that those which did not change are not sent again. Defaults to 10,000. */
  readonly remember?: number | undefined;
  /** Longest time of one answer. Defaults to 30s. */
  readonly requestTimeout?: Duration | undefined;
  /** Largest answer. Defaults to 8MiB. */
  readonly maxAnswer?: number | string | undefined;
  /** Whom https trusts, and the certificate that is shown. Defaults to the authorities that Node trusts, and none. */
  readonly tls?: ClientTls | undefined;
  /** Whether private addresses may be asked, or the ranges (CIDR) that may. Defaults to `false`. */
  readonly allowPrivate?: boolean | readonly string[] | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends PollInputOptions {
  readonly every: Duration;
  readonly method: "GET" | "POST";
  readonly headers: Headers;
  readonly maxPages: number;
  readonly remember: number;
  readonly requestTimeout: Duration;
  readonly maxAnswer: number | string;
  readonly allowPrivate: boolean | readonly string[];
}

/** Headers that are ours to set, or the connection's. */
const RESERVED =
  /^(?:if-none-match|if-modified-since|accept-encoding|host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect)$/i;
const SHORTEST_INTERVAL = 100;

const cursor: z.ZodType<CursorOptions, CursorOptions> = z
  .strictObject({
    query: z.string().min(1).describe("The parameter of the URL's query that it is sent in."),
    from: pointerOption.optional().describe("A JSON Pointer to the next cursor in an answer."),
    item: pointerOption.optional().describe("A JSON Pointer to it in the last item of an answer."),
    initial: z.string().optional().describe("What is sent the first time. Defaults to nothing."),
  })
  .refine((given) => (given.from === undefined) !== (given.item === undefined), {
    message: "say where the next cursor is: either from (in the answer) or item (in its last item)",
  });

export const pollInputOptions: z.ZodType<ResolvedOptions, PollInputOptions> = z
  .strictObject({
    url: z.string().describe("What is asked: http or https."),
    every: durationOption
      .refine((text) => parseDuration(text) >= SHORTEST_INTERVAL, "must be 100ms at least")
      .default("1m")
      .describe("Time from one poll to the next. Defaults to 1m."),
    method: z.enum(["GET", "POST"]).default("GET").describe("Defaults to GET."),
    body: z.string().optional().describe("Sent with POST, as JSON unless headers say otherwise."),
    headers: headersOption(RESERVED).describe("Headers that are sent, such as Authorization."),
    items: pointerOption
      .optional()
      .describe("A JSON Pointer to the list of items in an answer. Defaults to none: it is one event."),
    pick: pickOption.describe(
      "JSON Pointers to an event's fields in an item. Without one, data is all of it.",
    ),
    version: pointerOption
      .optional()
      .describe("A JSON Pointer to what tells an item's versions apart. Defaults to all of its data."),
    location: z
      .string()
      .min(1)
      .optional()
      .describe("The location of events whose items do not say theirs. Defaults to the URL without query."),
    cursor: cursor.optional().describe("Asks only for what is new: query, and from or item; initial."),
    nextPage: z
      .union([z.enum(["link", "cursor"]), pointerOption])
      .optional()
      .describe('Where the next page is: a JSON Pointer to its URL, "link" (the header), or "cursor".'),
    maxPages: z.int().min(1).max(10_000).default(100).describe("Most pages of one poll. Defaults to 100."),
    remember: z
      .int()
      .min(1)
      .max(100_000)
      .default(10_000)
      .describe("Items that are remembered, so as not to be sent again unchanged. Defaults to 10000."),
    requestTimeout: durationOption.default("30s").describe("Longest time of one answer. Defaults to 30s."),
    maxAnswer: sizeOption.default("8MiB").describe("Largest answer. Defaults to 8MiB."),
    tls: clientTlsOption.describe("ca, and cert and key to be shown, as PEM text."),
    allowPrivate: allowPrivateOption,
  })
  .superRefine((given, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (given.body !== undefined && given.method !== "POST") wrong("body", 'a body needs method = "POST"');
    if (given.nextPage === "cursor" && given.cursor === undefined) wrong("nextPage", "there is no cursor");
    if (given.nextPage === "cursor" && given.items === undefined) {
      wrong("nextPage", "pages by cursor end with an answer without items, so say where items are");
    }
    if (given.cursor?.item !== undefined && given.items === undefined) {
      wrong("cursor", "item needs items");
    }
  });
