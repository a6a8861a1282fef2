import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * How webhooks are signed: `standard` is Standard Webhooks
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), `github` is a
 * hexadecimal HMAC-SHA256 of the body in `X-Hub-Signature-256`.
 */
export type SignatureScheme = "standard" | "github";

const PREFIX = "whsec_";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Whether a secret can be one of the scheme: after `whsec_` there must be base64. */
export function isSecret(secret: string): boolean {
  return (
    secret !== "" &&
    (!secret.startsWith(PREFIX) || (secret !== PREFIX && isBase64(secret.slice(PREFIX.length))))
  );
}

/**
 * The keys that a secret may stand for; the first one signs. Under `standard` a secret is base64, but who leaves the
 * `whsec_` away may also have meant the text itself: both are tried when verifying.
 */
export function secretKeys(secret: string, scheme: SignatureScheme): readonly Buffer[] {
  const text = Buffer.from(secret);
  if (scheme === "github") return [text];
  if (secret.startsWith(PREFIX)) return [Buffer.from(secret.slice(PREFIX.length), "base64")];
  return isBase64(secret) ? [Buffer.from(secret, "base64"), text] : [text];
}

/** Bytes that a key should have at least: 128 bits, out of reach of guessing. */
const LEAST = 16;

/** The length of a secret's key in bytes, if that is so short that who sees a signed call can guess it. */
export function tooShort(secret: string, scheme: SignatureScheme): number | undefined {
  const length = Math.max(...secretKeys(secret, scheme).map((key) => key.length));
  return length < LEAST ? length : undefined;
}

/** `v1,` and the base64 HMAC-SHA256 over `id.timestamp.body`; the timestamp in seconds. */
export function standardSignature(
  key: Buffer,
  id: string,
  timestamp: string,
  body: Uint8Array | string,
): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
}

/** `sha256=` and the hexadecimal HMAC-SHA256 over the body. */
export function githubSignature(key: Buffer, body: Uint8Array | string): string {
  return `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
}

/** Compares two signatures in a time that does not tell where they differ. */
export function sameSignature(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

function isBase64(text: string): boolean {
  return BASE64.test(text);
}
