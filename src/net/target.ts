import { isIP } from "node:net";
import { SluiceError } from "../model/errors.ts";
import type { AddressGuard } from "./address.ts";

/**
 * Checks the URL of an outgoing call. The URL standard reads every spelling of an IPv4 address (decimal, octal,
 * hexadecimal, short forms, a trailing dot: https://url.spec.whatwg.org/#concept-ipv4-parser), so what is left in
 * `hostname` is either an address or a name; names are looked at when they have been resolved.
 *
 * @throws SluiceError INVALID_OPTIONS if it is no http or https URL, or holds a password;
 * PRIVATE_ADDRESS if it names an address that `guard` does not allow.
 */
export function checkTarget(text: string, guard: AddressGuard): URL {
  const url = URL.parse(text);
  if (url === null) throw invalid(`${JSON.stringify(text)} is not a URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw invalid(`a URL must begin with http:// or https://, not ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid(
      "a URL must not hold a user or password, which logs would show; send an Authorization header",
    );
  }
  const address = addressIn(url);
  if (address !== undefined && !guard.allows(address)) throw privateAddress(url.hostname, address);
  return url;
}

/** As `checkTarget`, of the option `url`: what is wrong says so. */
export function checkUrlOption(text: string, guard: AddressGuard, option = "url"): URL {
  try {
    return checkTarget(text, guard);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const details = { ...error.details, path: option.split(".") };
    throw new SluiceError(error.code, `${option}: ${error.message}`, { cause: error, details });
  }
}

export function privateAddress(host: string, address: string): SluiceError {
  const found = host.replace(/^\[|\]$/g, "") === address ? host : `${host} (${address})`;
  return new SluiceError(
    "PRIVATE_ADDRESS",
    `${found} is not a public address; if this is meant, say allow_private = true, or list the ranges that are`,
    { details: { host, address } },
  );
}

function addressIn(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (isIP(host) !== 0) return host;
  // Always the loopback, whatever a resolver says (RFC 6761, section 6.3).
  if (host === "localhost" || host.endsWith(".localhost")) return "127.0.0.1";
  return undefined;
}

function invalid(message: string): SluiceError {
  return new SluiceError("INVALID_OPTIONS", message);
}
