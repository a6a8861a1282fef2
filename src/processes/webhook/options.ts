import { z } from "zod";
import { parseDuration, type Duration } from "../../model/duration.ts";
import type { ClientTls } from "../../net/client.ts";
import { allowPrivateOption, headersOption } from "../../net/options.ts";
import { isSecret, type SignatureScheme } from "../../net/signature.ts";
import { templateOption, type Template } from "../../net/template.ts";
import { clientTlsOption } from "../../net/tls.ts";
import { durationOption } from "../../options/amounts.ts";
import type { BodyKind } from "./body.ts";
import { oauthOption, type OAuthOptions } from "./oauth.ts";

export type WebhookMethod = "POST" | "PUT" | "PATCH" | "DELETE" | "GET";

/** Options of the `webhook` process. */
export interface WebhookProcessOptions {
  /** Where events are sent: http or https, without user and password. */
  readonly url: string;
  /** Defaults to `POST`. */
  readonly method?: WebhookMethod | undefined;
  /** Headers that are sent besides. `Content-Type` defaults to `application/json`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What is sent: the event as JSON, or as a CloudEvent in either mode of its HTTP binding. Defaults to `event`. */
  readonly body?: BodyKind | undefined;
  /**
   * JSON that is sent instead: a text in it that begins with `/` is a JSON Pointer into the event, one that begins with
   * `//` is text with one `/` less. Defaults to none.
   */
  readonly template?: Template | undefined;
  /** Signs every call: `whsec_` and base64, or text. Defaults to none. */
  readonly secret?: string | undefined;
  /** Several secrets: each signs, for rotation. Defaults to none. */
  readonly secrets?: readonly string[] | undefined;
  /** How calls are signed: Standard Webhooks, or GitHub's way. Defaults to `standard`. */
  readonly scheme?: SignatureScheme | undefined;
  /** Client credentials: calls carry a token that is fetched with them. Defaults to none. */
  readonly oauth?: OAuthOptions | undefined;
  /** Whom https trusts, and the certificate that is shown. Defaults to the authorities that Node trusts, and none. */
  readonly tls?: ClientTls | undefined;
  /** Failures in a row after which the host is left alone for a while; 0 for never. Defaults to 10. */
  readonly breakAfter?: number | undefined;
  /** For how long it is left alone at first; twice as long after each try that fails, 5m at most. Defaults to 30s. */
  readonly breakFor?: Duration | undefined;
  /** Whether private addresses may be called, or the ranges (CIDR) that may. Defaults to `false`. */
  readonly allowPrivate?: boolean | readonly string[] | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends WebhookProcessOptions {
  readonly method: WebhookMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyKind;
  readonly scheme: SignatureScheme;
  readonly breakAfter: number;
  readonly breakFor: Duration;
  readonly allowPrivate: boolean | readonly string[];
}

/** Headers that are ours to set, or the connection's. */
const RESERVED =
  /^(?:webhook-.*|x-sluice-.*|ce-.*|x-hub-signature-256|x-github-delivery|idempotency-key|traceparent|host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect)$/i;
const SHORTEST_BREAK = 100;

const secret = z.string().refine(isSecret, "a secret must not be empty, and must be base64 after whsec_");

export const webhookProcessOptions: z.ZodType<ResolvedOptions, WebhookProcessOptions> = z
  .strictObject({
    url: z.string().describe("Where events are sent: http or https."),
    method: z.enum(["POST", "PUT", "PATCH", "DELETE", "GET"]).default("POST").describe("Defaults to POST."),
    headers: headersOption(RESERVED).describe(
      "Headers that are sent besides. Content-Type defaults to application/json.",
    ),
    body: z
      .enum(["event", "cloudevents-binary", "cloudevents-structured"])
      .default("event")
      .describe("What is sent: the event's JSON, or a CloudEvent. Defaults to event."),
    template: templateOption
      .optional()
      .describe("JSON that is sent instead; text in it that begins with / is a JSON Pointer into the event."),
    secret: secret.optional().describe("Signs every call: `whsec_` and base64, or text."),
    secrets: z.array(secret).min(1).optional().describe("Several secrets: each signs, for rotation."),
    scheme: z
      .enum(["standard", "github"])
      .default("standard")
      .describe("How calls are signed: Standard Webhooks, or GitHub's way. Defaults to standard."),
    oauth: oauthOption
      .optional()
      .describe("Client credentials of OAuth 2.0. auth is basic (default) or body: where id and secret go."),
    tls: clientTlsOption.describe("ca, and cert and key to be shown, as PEM text."),
    breakAfter: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(10)
      .describe("Failures in a row after which the host is left alone; 0 for never. Defaults to 10."),
    breakFor: durationOption
      .refine((text) => parseDuration(text) >= SHORTEST_BREAK, "must be 100ms at least")
      .default("30s")
      .describe("For how long at first; twice as long each time, 5m at most. Defaults to 30s."),
    allowPrivate: allowPrivateOption,
  })
  .superRefine((given, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (given.template !== undefined && given.body !== "event") {
      wrong("template", "a template and a CloudEvent exclude each other");
    }
    if (given.method === "GET" && (given.template !== undefined || given.body !== "event")) {
      wrong("method", "GET sends no body");
    }
    const isAuthorized = Object.keys(given.headers).some((name) => name.toLowerCase() === "authorization");
    if (given.oauth !== undefined && isAuthorized) {
      wrong("headers", "Authorization and oauth exclude each other");
    }
    if (given.tls !== undefined && !/^https:/i.test(given.url))
      wrong("tls", "needs a URL that begins with https://");
  });
