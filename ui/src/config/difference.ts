/** What differs between two configurations, by path. */
export interface Difference {
  readonly path: string;
  /** `undefined` where there is none. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Components are told apart by their names, wherever they stand in their list. */
export function differencesOf(before: unknown, after: unknown): readonly Difference[] {
  const [old, now] = [flat(before), flat(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])];
  return paths
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }))
    .filter((difference) => difference.before !== difference.after)
    .sort((a, b) => a.path.localeCompare(b.path));
}

function flat(value: unknown): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  visit(value, "", leaves);
  return leaves;
}

function visit(value: unknown, path: string, leaves: Map<string, string>): void {
  const entries = entriesOf(value);
  if (entries === undefined) {
    if (value !== undefined && path !== "") leaves.set(path, JSON.stringify(value));
    return;
  }
  for (const [key, part] of entries) visit(part, path === "" ? key : `${path}.${key}`, leaves);
}

/** Of a table, and of a list of tables with names; anything else is one value. */
function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) return Object.entries(value).length === 0 ? undefined : Object.entries(value);
  const names = value.map(nameOf);
  const areNamed = names.length > 0 && names.every((name) => name !== undefined);
  return areNamed ? names.map((name, i) => [name, value[i]] as const) : undefined;
}

function nameOf(part: unknown): string | undefined {
  if (typeof part !== "object" || part === null) return undefined;
  const { name, from, to } = part as Readonly<Record<string, unknown>>;
  if (typeof name === "string") return name;
  return typeof from === "string" && typeof to === "string" ? `${from} → ${to}` : undefined;
}
