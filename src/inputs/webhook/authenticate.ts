import { SluiceError } from "../../model/errors.ts";
import {
  githubSignature,
  sameSignature,
  secretKeys,
  standardSignature,
  type SignatureScheme,
} from "../../net/signature.ts";

/** Looks at the headers before the body is read, and answers with what is to be checked over the body. */
export type Authenticator = (headers: Headers, now: number) => (body: Uint8Array) => void;

/** Seconds by which the sender's clock may differ (Standard Webhooks, "Verifying webhook authenticity"). */
const TOLERANCE = 5 * 60;
const SECONDS = /^\d{1,12}$/;

const trusting: Authenticator = () => () => undefined;

/**
 * @param secrets any of them may have signed; none stands for `auth = "none"`
 * The answered functions throw SluiceError UNAUTHORIZED.
 */
export function createAuthenticator(scheme: SignatureScheme, secrets: readonly string[]): Authenticator {
  if (secrets.length === 0) return trusting;
  const keys = secrets.flatMap((secret) => secretKeys(secret, scheme));
  return scheme === "github" ? github(keys) : standard(keys);
}

/** A header of Standard Webhooks, or the same under the name that Svix gave it first. */
export function standardHeader(headers: Headers, name: "id" | "timestamp" | "signature"): string | null {
  return headers.get(`webhook-${name}`) ?? headers.get(`svix-${name}`);
}

function standard(keys: readonly Buffer[]): Authenticator {
  return (headers, now) => {
    const id = needed(standardHeader(headers, "id"), "webhook-id");
    const timestamp = needed(standardHeader(headers, "timestamp"), "webhook-timestamp");
    const given = needed(standardHeader(headers, "signature"), "webhook-signature").split(" ");
    if (!SECONDS.test(timestamp)) throw unauthorized("webhook-timestamp is not a time in seconds");
    if (Math.abs(now / 1_000 - Number(timestamp)) > TOLERANCE) {
      throw unauthorized("webhook-timestamp is more than 5 minutes off");
    }
    return (body) =>
      check(
        given,
        keys.map((key) => standardSignature(key, id, timestamp, body)),
      );
  };
}

function github(keys: readonly Buffer[]): Authenticator {
  return (headers) => {
    needed(headers.get("x-github-delivery"), "X-GitHub-Delivery");
    const given = [needed(headers.get("x-hub-signature-256"), "X-Hub-Signature-256")];
    return (body) =>
      check(
        given,
        keys.map((key) => githubSignature(key, body)),
      );
  };
}

function check(given: readonly string[], expected: readonly string[]): void {
  let matched = false;
  for (const mine of expected) {
    for (const theirs of given) if (sameSignature(theirs, mine)) matched = true;
  }
  if (!matched) throw unauthorized("no signature matches the body; is the secret the sender's?");
}

function needed(value: string | null, name: string): string {
  if (value !== null && value !== "") return value;
  throw unauthorized(`the header ${name} is missing`);
}

function unauthorized(message: string): SluiceError {
  return new SluiceError("UNAUTHORIZED", message);
}
