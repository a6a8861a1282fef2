/** Says whether a location matches. */
export type LocationTest = (location: string) => boolean;

const SYNTAX = /[\\^$.*+?()[\]{}|/]/g;

/**
 * Compiles globs to one test: `*` stands for anything within a segment of `/` or `.`, `**` for anything at all,
 * every other character for itself.
 */
export function compileGlobs(globs: readonly string[]): LocationTest {
  const exact = new Set(globs.filter((glob) => !glob.includes("*")));
  const patterns = globs.filter((glob) => glob.includes("*")).map(toPattern);
  if (patterns.length === 0) return (location) => exact.has(location);
  return (location) => exact.has(location) || patterns.some((pattern) => pattern.test(location));
}

function toPattern(glob: string): RegExp {
  const source = glob
    .split(/(\*+)/)
    .map((part) => {
      if (part === "*") return "[^/.]*";
      return part.startsWith("*") ? ".*" : part.replace(SYNTAX, "\\$&");
    })
    .join("");
  return new RegExp(`^${source}$`, "su");
}
