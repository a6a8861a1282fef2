const SECONDS = /^\s*(\d+)\s*$/;

/**
 * Reads a Retry-After header: seconds, or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @param now milliseconds since 1970
 * @param longest milliseconds that are waited at most
 * @returns milliseconds from now; `undefined` if there is none to wait, or it cannot be read
 */
export function parseRetryAfter(
  header: string | undefined,
  now: number,
  longest: number,
): number | undefined {
  if (header === undefined) return undefined;
  const seconds = SECONDS.exec(header)?.[1];
  const delay = seconds === undefined ? Date.parse(header) - now : Number(seconds) * 1_000;
  return delay > 0 ? Math.min(delay, longest) : undefined;
}
