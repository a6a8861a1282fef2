/** Says whether a location matches. */
export type LocationTest = (location: string) => boolean;

/**
 * Compiles globs to one test: `*` stands for anything within a segment of `/` or `.`, `**` for anything at all,
 * every other character for itself.
 */
export function compileGlobs(globs: readonly string[]): LocationTest {
  const exact = new Set(globs.filter((glob) => !glob.includes("*")));
  const patterns = globs.filter((glob) => glob.includes("*")).map(compileGlob);
  if (patterns.length === 0) return (location) => exact.has(location);
  return (location) => exact.has(location) || patterns.some((matches) => matches(location));
}

/**
 * All the ways to match are followed at once, so that the time grows with the product of both lengths and no faster:
 * locations come from outside, and a regular expression with several stars could be kept busy for minutes.
 */
function compileGlob(glob: string): LocationTest {
  const steps = glob.match(/\*+|[^*]/g) ?? [];
  const end = steps.length;

  /** Marks that the steps before `step` have matched; a star may also stand for nothing. */
  function mark(reached: Uint8Array, step: number): void {
    reached[step] = 1;
    if (steps[step]?.startsWith("*") === true) mark(reached, step + 1);
  }

  return (location) => {
    let reached = new Uint8Array(end + 1);
    let next = new Uint8Array(end + 1);
    mark(reached, 0);
    for (let at = 0; at < location.length; at += 1) {
      const character = location.charAt(at);
      for (let step = 0; step < end; step += 1) {
        if (reached[step] === 0) continue;
        const wanted = steps[step] as string;
        if (!wanted.startsWith("*")) {
          if (wanted === character) mark(next, step + 1);
        } else if (wanted !== "*" || (character !== "/" && character !== ".")) {
          mark(next, step);
        }
      }
      [reached, next] = [next, reached];
      next.fill(0);
    }
    return reached[end] === 1;
  };
}
