/** First segments of paths under which sluice itself answers: its API, its page and its probes. */
const RESERVED: ReadonlySet<string> = new Set(["", "api", "metrics", "healthz", "readyz"]);

/** Whether sluice answers at this path itself, so that no hook may. It begins with `/` and is decoded. */
export function isReservedPath(path: string): boolean {
  const [, first = ""] = path.split("/", 2);
  return RESERVED.has(first.toLowerCase());
}
