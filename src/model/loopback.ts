import { isIPv4 } from "node:net";

/**
 * Whether only this machine can reach a host: 127.0.0.0/8, `::1` or `localhost`
 * (https://www.rfc-editor.org/rfc/rfc6761#section-6.3). An IPv6 address has no brackets.
 */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith("127.");
  return host === "::1" || host.toLowerCase() === "localhost";
}
