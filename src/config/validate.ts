import { resolve } from "node:path";
import type { Input, Process } from "../model/component.ts";
import { MASK } from "../model/mask.ts";
import { mapKeys, toSnakeCase } from "./case.ts";
import { Report } from "./checks.ts";
import { maskConnections } from "./connections.ts";
import { readComponent, readInstance, type ComponentSurroundings, type ReadComponent } from "./component.ts";
import { hookPathFault } from "./hooks.ts";
import { configError } from "./issue.ts";
import type { Pipeline } from "./pipeline.ts";
import { createRedactor, isPlainObject, isReference, resolveReferences } from "./references.ts";
import type { Registry, Role } from "./registry.ts";
import type { Fields } from "./schema.ts";
import type { Source } from "./source.ts";
import { readTop, SINGULAR, type Top } from "./top.ts";
import type { Topology } from "../topology/topology.ts";
import { wire } from "./wiring.ts";

export interface ValidateOptions {
  readonly registry: Registry;
  /** The absolute folder that relative paths start from. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether keys may be spelled as code spells them, and components may be made in code. Defaults to `false`. */
  readonly isCode?: boolean;
}

/**
 * Checks all that a file says, and makes its components; nothing is started.
 *
 * @throws SluiceError with all that is wrong, as `configError` makes it
 */
export async function validate(source: Source, options: ValidateOptions): Promise<Pipeline> {
  const report = new Report(source.file, source.positions);
  const tree = options.isCode === true ? spellAsFile(source.value as Fields) : (source.value as Fields);
  const resolved = resolveReferences(tree, options, (path, message) => report.unset(path, message));
  const secrets = new Set(resolved.secrets);
  report.filledIn(resolved.secrets);
  const value = resolved.value as Fields;
  const masked = resolved.masked as Fields;
  const top = readTop(value, report);
  for (const token of tokensOf(top)) secrets.add(token);
  const components = await readComponents(value, masked, report, {
    registry: options.registry,
    directory: options.directory,
    report,
    connections: value["connections"],
    addSecret: (secret) => {
      // One that could not be filled in is named by the message that says so.
      if (!isReference(secret)) secrets.add(secret);
    },
  });
  const topology = wire(components, value["link"], report);
  const made = components.flatMap((component) => component.made ?? []);
  checkHooks(components, top, report);
  checkLinked(components, topology, report);
  const redact = createRedactor(secrets);
  if (report.issues.length > 0) {
    throw configError(report.issues.map((issue) => ({ ...issue, message: redact(issue.message) })));
  }
  const { journal = "sqlite:.sluice/journal.db", name = "pipeline", ...rest } = top;
  return {
    ...rest,
    file: source.file,
    directory: options.directory,
    name,
    journal: absoluteJournal(journal, options.directory),
    lineage: absoluteLineage(top.lineage, options.directory),
    inputs: made.filter((component) => component.role === "input"),
    processes: made.filter((component) => component.role === "process"),
    links: topology.links(),
    topology,
    warnings: report.warnings.map((issue) => ({ ...issue, message: redact(issue.message) })),
    masked: maskTop(masked),
    secrets,
    redact,
    document: null,
  };
}

function absoluteJournal(journal: string, directory: string): string {
  if (journal === "memory:") return journal;
  return `sqlite:${resolve(directory, journal.slice("sqlite:".length))}`;
}

const TOKEN_KEYS: ReadonlySet<string> = new Set(["token", "viewer_token", "admin_token", "api_key"]);

function tokensOf({ http, lineage }: Top): readonly string[] {
  const tokens = [http?.token, http?.viewerToken, http?.adminToken, lineage?.apiKey];
  return tokens.filter((token) => token !== undefined);
}

function absoluteLineage(lineage: Top["lineage"], directory: string): Top["lineage"] {
  if (lineage?.file === undefined) return lineage;
  return { ...lineage, file: resolve(directory, lineage.file) };
}

function maskTop(masked: Fields): Fields {
  const { input: _input, process: _process, link: _link, ...top } = masked;
  const { connections } = top;
  const shared = connections === undefined ? {} : { connections: maskConnections(connections) };
  const hidden = ["http", "lineage"].flatMap((table) => {
    const fields = top[table];
    return isPlainObject(fields) ? [[table, maskTokens(fields)] as const] : [];
  });
  return { ...top, ...shared, ...Object.fromEntries(hidden) };
}

function maskTokens(table: Fields): Fields {
  return Object.fromEntries(
    Object.entries(table).map(([key, value]) => [key, TOKEN_KEYS.has(key) ? MASK : value]),
  );
}

/** A module may spell keys as code does, and use plurals for lists. */
function spellAsFile(value: Fields): Fields {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const name = SINGULAR.get(key) ?? toSnakeCase(key);
      const isTable = isPlainObject(item);
      if (isTable && name === "connections") return [name, spellEach(item)];
      if (isTable) return [name, mapKeys(item, toSnakeCase)];
      if (!Array.isArray(item)) return [name, item];
      return [
        name,
        item.map((part: unknown) =>
          isPlainObject(part) && !isInstance(part) ? mapKeys(part, toSnakeCase) : part,
        ),
      ];
    }),
  );
}

/** The names of connections are the user's own. */
function spellEach(tables: Fields): Fields {
  return Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, spellKeys(table)]));
}

function spellKeys(table: unknown): unknown {
  return isPlainObject(table) ? mapKeys(table, toSnakeCase) : table;
}

function isInstance(value: unknown): value is Input | Process {
  const { handle, run } = (value ?? {}) as { handle?: unknown; run?: unknown };
  return typeof handle === "function" || typeof run === "function";
}

async function readComponents(
  value: Fields,
  masked: Fields,
  report: Report,
  surroundings: ComponentSurroundings,
): Promise<readonly ReadComponent[]> {
  const found: ReadComponent[] = [];
  for (const role of ["input", "process"] as const) {
    const list = value[role];
    if (!Array.isArray(list)) continue;
    for (const [index, item] of (list as unknown[]).entries()) {
      const path = [role, index];
      const shown = (masked[role] as readonly unknown[])[index] as Fields;
      const component = isInstance(item)
        ? readInstance(role, item, path, report)
        : await readTable(role, item, shown, path, surroundings);
      if (component !== undefined) found.push(component);
    }
  }
  return found;
}

async function readTable(
  role: Role,
  item: unknown,
  masked: Fields,
  path: readonly (string | number)[],
  surroundings: ComponentSurroundings,
): Promise<ReadComponent | undefined> {
  if (isPlainObject(item)) return readComponent(role, item, masked, path, surroundings);
  surroundings.report.atValue(path, "INVALID_OPTIONS", `${role}: expected a table of keys and values`);
  return undefined;
}

/** What takes part in nothing is allowed, for a link may come later; mostly it was forgotten. */
function checkLinked(components: readonly ReadComponent[], topology: Topology, report: Report): void {
  const linked = { input: new Set<string>(), process: new Set<string>() };
  for (const { from, to } of topology.links()) {
    linked.input.add(from);
    linked.process.add(to);
  }
  for (const { role, name, made, path } of components) {
    if (made === undefined || linked[role].has(name)) continue;
    const message =
      role === "input"
        ? `input "${name}": it leads to no process; name it in the on of one, or in a [[link]]`
        : `process "${name}": nothing leads to it, so it never runs; say on = "INPUT", or write a [[link]]`;
    report.warn([...path, "name"], "UNLINKED", message);
  }
}

/** Paths of inputs that answer HTTP requests: each has one of its own, and none that sluice serves itself. */
function checkHooks(components: readonly ReadComponent[], top: Top, report: Report): void {
  const owners = new Map<string, string>();
  for (const { name, hookPath: path, path: place } of components) {
    if (path === undefined) continue;
    const owner = owners.get(path);
    const fault =
      owner === undefined
        ? hookPathFault(path)
        : `the path ${JSON.stringify(path)} is that of input "${owner}" already`;
    if (fault !== undefined) report.atValue([...place, "path"], "HOOK_PATH", `input "${name}": ${fault}`);
    owners.set(path, owner ?? name);
    if (top.http === null && top.hooks === null) {
      report.warn(
        [...place, "path"],
        "HOOK_PATH",
        `input "${name}": nothing serves ${path}; add [http] or [hooks]`,
      );
    }
  }
}
