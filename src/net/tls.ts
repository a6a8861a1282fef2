import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { z } from "zod";
import type { ClientTls } from "./client.ts";

const pem = z
  .string()
  .refine((text) => text.includes("-----BEGIN "), 'expected PEM text; of a file, "${file:PATH}" is its text');

/** Whom outgoing calls by https trust, and what they show of us: by the names that connections to databases have. */
export const clientTlsOption: z.ZodOptional<z.ZodType<ClientTls, ClientTls>> = z
  .strictObject({
    ca: pem.optional().describe("Certificates of the authorities to trust, as PEM text"),
    cert: pem.optional().describe("The client's certificate, as PEM text"),
    key: pem.optional().describe("Its private key, as PEM text"),
  })
  .superRefine((given, context) => {
    const message = problem(given);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  })
  .optional();

function problem({ ca, cert, key }: ClientTls): string | undefined {
  if ((cert === undefined) !== (key === undefined))
    return "cert and key belong together: give both, or neither";
  try {
    // A context takes any text for an authority, and trusts nobody then.
    if (ca !== undefined && new X509Certificate(ca).raw.length === 0) return "ca is empty";
    createSecureContext({ ca, cert, key });
    return undefined;
  } catch (error) {
    return `ca, cert and key cannot be used: ${(error as Error).message}`;
  }
}
