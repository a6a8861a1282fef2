const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const LOOPBACK_IPV4 = new RegExp(`^127(?:\\.${OCTET}){3}$`);

/**
 * Whether only this machine can reach a host: 127.0.0.0/8, `::1` or `localhost`
 * (https://www.rfc-editor.org/rfc/rfc6761#section-6.3). An IPv6 address has no brackets.
 */
export function isLoopback(host: string): boolean {
  return LOOPBACK_IPV4.test(host) || host === "::1" || host.toLowerCase() === "localhost";
}
