/** A figure over several rounds. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @throws RangeError without values */
export function figure(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: percentile(sorted, 0.5), least: sorted[0] as number, most: sorted.at(-1) as number };
}

/**
 * The value below which that part (0 to 1) of the values lies, between two of them by proportion.
 *
 * @throws RangeError without values
 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * part;
  const lower = sorted[Math.floor(place)];
  const upper = sorted[Math.ceil(place)];
  if (lower === undefined || upper === undefined) throw new RangeError("no values, no figure");
  return lower + (upper - lower) * (place - Math.floor(place));
}
