/** Sixteen digits in a row: from here on an integer may be more than a JavaScript number can hold. */
const LONG_NUMBER = /\d{16}/;

/** `context.source` of a reviver: https://tc39.es/proposal-json-parse-with-source/ */
type Reviver = (this: object, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/**
 * Parses a row's JSON without losing a digit: numbers of the named columns (bigint, numeric, and arrays of them)
 * come as strings, as PostgreSQL wrote them, `1.50` too; and so does, wherever it stands, an integer beyond 2^53.
 */
export function parseRow(text: string, exactColumns: readonly string[]): Record<string, unknown> {
  if (exactColumns.length === 0 && !LONG_NUMBER.test(text))
    return JSON.parse(text) as Record<string, unknown>;

  const numbers: { holder: object; key: string; source: string }[] = [];
  const collect: Reviver = function (key, value, { source }) {
    if (typeof value !== "number" || source === undefined) return value;
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)) return source;
    numbers.push({ holder: this, key, source });
    return value;
  };
  const row = JSON.parse(text, collect as Parameters<typeof JSON.parse>[1]) as Record<string, unknown>;
  const exact = new Set<unknown>();
  for (const column of exactColumns) addArrays(row[column], exact);
  for (const { holder, key, source } of numbers) {
    if (exact.has(holder) || (holder === row && exactColumns.includes(key))) {
      Object.defineProperty(holder, key, {
        value: source,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return row;
}

function addArrays(value: unknown, into: Set<unknown>): void {
  if (!Array.isArray(value)) return;
  into.add(value);
  for (const item of value) addArrays(item, into);
}
