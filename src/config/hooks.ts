import { isReservedPath } from "../model/hook-path.ts";

/** Why an input cannot have a path; `undefined` if it can. */
export function hookPathFault(path: string): string | undefined {
  const quoted = JSON.stringify(path);
  if (!path.startsWith("/")) return `the path ${quoted} must start with "/"`;
  const plain = normalise(path);
  if (plain === undefined) return `the path ${quoted} is no path of a URL`;
  if (isReservedPath(plain)) {
    return `the path ${quoted} is taken: "/", /api, /metrics, /healthz and /readyz are served by sluice itself`;
  }
  return plain === path
    ? undefined
    : `the path ${quoted} is not in plain form; write ${JSON.stringify(plain)}`;
}

/** As a server would see it: without dot segments, query, doubled slashes or needless escapes. */
function normalise(path: string): string | undefined {
  if (!URL.canParse(`http://hook${path}`)) return undefined;
  const { pathname, host } = new URL(`http://hook${path}`);
  if (host !== "hook") return undefined;
  try {
    return decodeURIComponent(pathname).replace(/\/{2,}/g, "/");
  } catch {
    return undefined;
  }
}
