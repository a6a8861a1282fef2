import { z } from "zod";
import { isSecret, type SignatureScheme } from "../../net/signature.ts";
import { pickOption, type PickedFields } from "../../net/options.ts";

export type { PickedFields } from "../../net/options.ts";

/** Options of the `webhook` input. */
export interface WebhookInputOptions {
  /** Where senders post to, such as `/hooks/orders`. */
  readonly path: string;
  /** Says that unsigned requests are taken. There is no default: give it, or a secret. */
  readonly auth?: "none" | undefined;
  /** What the sender signs with: `whsec_` and base64, or text. */
  readonly secret?: string | undefined;
  /** Several secrets, any of which may have signed: for rotation. */
  readonly secrets?: readonly string[] | undefined;
  /** How requests are signed: Standard Webhooks, or GitHub's `X-Hub-Signature-256`. Defaults to `standard`. */
  readonly scheme?: SignatureScheme | undefined;
  /** The location of events that do not say theirs. Defaults to the path. */
  readonly location?: string | undefined;
  /** Where in a body an event's fields are. Without it, event JSON is recognised, and any other object is the data. */
  readonly pick?: PickedFields | undefined;
  /** Request headers that are kept in the event's headers. Defaults to `X-GitHub-Event` under `github`, else none. */
  readonly keepHeaders?: readonly string[] | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends WebhookInputOptions {
  readonly scheme: SignatureScheme;
}

const secret = z
  .string()
  .refine(isSecret, "a secret must not be empty, and must be base64 after whsec_")
  .describe("What the sender signs with: `whsec_` and base64, or text.");

export const webhookInputOptions: z.ZodType<ResolvedOptions, WebhookInputOptions> = z
  .strictObject({
    path: z
      .string()
      .regex(
        /^\/(?!\/)[\x21-\x22\x24-\x3e\x40-\x7e]*$/,
        "must begin with one / and have no query, fragment or spaces",
      )
      .refine(
        (path) => !path.split("/").some((part) => part === "." || part === ".."),
        "must not hold . or .. as a part",
      )
      .describe("Where senders post to."),
    auth: z
      .literal("none")
      .optional()
      .describe("Says that unsigned requests are taken. There is no default."),
    secret: secret.optional(),
    secrets: z
      .array(secret)
      .min(1)
      .optional()
      .describe("Several secrets, any of which may have signed: for rotation."),
    scheme: z
      .enum(["standard", "github"])
      .default("standard")
      .describe(
        "How requests are signed: Standard Webhooks, or GitHub's X-Hub-Signature-256. Defaults to standard.",
      ),
    location: z
      .string()
      .optional()
      .describe("The location of events that do not say theirs. Defaults to the path."),
    pick: pickOption.describe(
      "JSON Pointers to the event's fields in a body. Without one, data is the whole body.",
    ),
    keepHeaders: z
      .array(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be a name of a header"))
      .optional()
      .describe(
        "Request headers that are kept in the event's headers. Defaults to X-GitHub-Event under github, else none.",
      ),
  })
  .superRefine((given, context) => {
    const signed = given.secret !== undefined || given.secrets !== undefined;
    if (signed && given.auth !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["auth"],
        message: `auth = "none" and a secret exclude each other`,
      });
    }
    if (!signed && given.auth === undefined) {
      const message = `give a secret, or say auth = "none" to take unsigned requests`;
      context.addIssue({ code: "custom", path: ["secret"], message });
    }
  });
