import { createHash } from "node:crypto";
import { z } from "zod";
import type { Input, Process } from "../model/component.ts";
import { isSluiceError } from "../model/errors.ts";
import { createInput, INPUT_KEYS, PROCESS_KEYS, type Surroundings } from "../model/kind.ts";
import { parseOperation } from "../model/operation.ts";
import { didYouMean, nearest } from "../model/suggest.ts";
import { CODE_LIMIT, readSmallFile } from "../options/small-file.ts";
import { mapKeys, toCamelCase, toSnakeCase } from "./case.ts";
import { read, type Report } from "./checks.ts";
import { withConnection } from "./connections.ts";
import { readOptions } from "./kind-options.ts";
import type { PipelineInput, PipelineProcess } from "./pipeline.ts";
import type { Path } from "./positions.ts";
import type { AnyKind, Registry, Role } from "./registry.ts";
import { SHAPES, type Fields } from "./schema.ts";
import { maskSecrets, rememberSecrets } from "./secrets.ts";

export interface ComponentSurroundings extends Surroundings {
  readonly registry: Registry;
  readonly report: Report;
  /** What the file says under `connections`, by name. */
  readonly connections?: unknown;
  /** Adds a value that must not be shown. */
  readonly addSecret: (secret: string) => void;
}

/** What could be read of a component, even if not all of it is right: so that links to it are not called wrong too. */
export interface ReadComponent {
  readonly role: Role;
  readonly path: Path;
  readonly name: string;
  readonly type: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly operations?: readonly string[];
  /** Where its events come from, each with its place. */
  readonly on: readonly { readonly from: string; readonly path: Path }[];
  /** Of an input that answers HTTP requests, where. */
  readonly hookPath?: string | undefined;
  /** Absent if something about it is wrong. */
  readonly made?: PipelineInput | PipelineProcess;
}

const SETTING_KEYS = {
  input: INPUT_KEYS.filter((key) => key !== "name"),
  process: PROCESS_KEYS.filter((key) => key !== "name" && key !== "reads" && key !== "writes"),
} as const;

/**
 * Reads one `[[input]]` or `[[process]]`: the common keys by our own schema, the others by its kind's.
 *
 * @param fields in the spelling of config files
 */
export async function readComponent(
  role: Role,
  written: Fields,
  masked: Fields,
  path: Path,
  surroundings: ComponentSurroundings,
): Promise<ReadComponent | undefined> {
  const { report, registry } = surroundings;
  const shape = SHAPES[role];
  const what = describe(role, written["name"]);
  const before = report.issues.length;
  const fields = withType(written, path, what, surroundings);
  const given = Object.entries(fields).filter(([key]) => Object.hasOwn(shape, key));
  const common = read<Fields>(z.strictObject(shape), Object.fromEntries(given), {
    report,
    path,
    what,
    within: (key) => keysWithin(shape, key),
    ifMissing: (key) => (key === "type" ? `; there are ${registry.types(role).join(", ")}` : ""),
  });
  if (fields["operation"] !== undefined && fields["operations"] !== undefined && role === "input") {
    const message = `${what}: operation and operations mean the same; write one of them`;
    report.atKey([...path, "operations"], "INVALID_OPTIONS", message);
  }
  const kind = await findKind(role, fields["type"], path, what, surroundings);
  const place = { path, what, report };
  const whole = kind && withConnection(kind, fields, surroundings.connections, place);
  const own =
    kind === undefined || whole === undefined ? undefined : readOptions(kind, whole, path, what, report);
  const partial = lenient(role, fields, path);
  if (partial === undefined) return undefined;
  if (kind === undefined || own === undefined) return partial;
  rememberSecrets(kind, own, surroundings.addSecret);
  for (const { code, path: within, message } of kind.warnings?.(own as never) ?? [])
    report.warn([...path, ...toFile(within)], code, `${what}: ${message}`);
  // Even if something else is wrong: what its kind finds out when it makes one is said along with that.
  const component = create(kind, partial.name, own, path, surroundings);
  if (component === undefined) return partial;
  const known = { ...partial, hookPath: hookPathOf(component) };
  if (common === undefined || report.issues.length > before) return known;
  configure(component, settingsOf(role, common), common);
  return finish(known, component, {
    made: { kind, options: own },
    fields: { ...(whole ?? fields), ...filesOf(kind, own, surroundings) },
    masked: maskSecrets(kind, masked),
  });
}

/** The content of the files that it is made of, as one hash: another content makes another component. */
function filesOf(kind: AnyKind, options: unknown, { directory }: Surroundings): Fields {
  const files = kind.files?.(options as never, { directory }) ?? [];
  return files.length === 0 ? {} : { files: hashOf(files.map((file) => readSmallFile(file, CODE_LIMIT))) };
}

function hashOf(contents: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const content of contents) hash.update(content);
  return hash.digest("hex").slice(0, 12);
}

/** Reads a component that was made in code: what it is, not what it was made of. */
export function readInstance(
  role: Role,
  component: Input | Process,
  path: Path,
  report: Report,
): ReadComponent | undefined {
  const { name, type = "custom", settings = {}, reads, writes } = component as Process;
  const { on } = component as { on?: unknown };
  const given = { name, type, reads, writes, on, ...mapKeys(settings as Fields, toSnakeCase) };
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const what = describe(role, name);
  const common = read<Fields>(z.strictObject(SHAPES[role]), fields, {
    report,
    path,
    what,
    known: Object.keys(SHAPES[role]),
  });
  const partial = lenient(role, fields, path);
  if (partial === undefined || common === undefined) return partial;
  const known = { ...partial, hookPath: hookPathOf(component) };
  return finish(known, component, { fields, masked: fields });
}

/** With the type that a misspelt key gives: without one, nothing could be said of the other keys. */
function withType(fields: Fields, path: Path, what: string, { report }: ComponentSurroundings): Fields {
  if (fields["type"] !== undefined) return fields;
  const key = Object.keys(fields).find((other) => nearest(other, ["type"]) !== undefined);
  if (key === undefined) return fields;
  report.atKey(
    [...path, key],
    "UNKNOWN_KEY",
    `${what}: there is no key ${JSON.stringify(key)}; did you mean "type"?`,
  );
  const { [key]: type, ...rest } = fields;
  return { ...rest, type };
}

/** The keys of a table such as `retry`. */
function keysWithin(shape: Readonly<Record<string, z.core.$ZodType>>, key: string): readonly string[] {
  const found = shape[key];
  const table = found instanceof z.ZodOptional ? found.unwrap() : found;
  return table instanceof z.ZodObject ? Object.keys(table.shape) : [];
}

function hookPathOf(component: Input | Process): string | undefined {
  return "fetch" in component && component.fetch !== undefined ? component.path : undefined;
}

function describe(role: Role, name: unknown): string {
  return typeof name === "string" ? `${role} ${JSON.stringify(name)}` : role;
}

async function findKind(
  role: Role,
  type: unknown,
  path: Path,
  what: string,
  { registry, report }: ComponentSurroundings,
): Promise<AnyKind | undefined> {
  if (typeof type !== "string") return undefined;
  const kind = await registry.load(role, type);
  if (kind !== undefined) return kind;
  const other = role === "input" ? "process" : "input";
  const known = registry.types(role);
  const hint = registry.types(other).includes(type)
    ? `; it is a type of ${other}`
    : didYouMean(type, known) || `; there are ${known.join(", ")}`;
  report.atValue(
    [...path, "type"],
    "UNKNOWN_TYPE",
    `${what}: ${JSON.stringify(type)} is no type of ${role}${hint}`,
  );
  return undefined;
}

function create(
  kind: AnyKind,
  name: string,
  options: unknown,
  path: Path,
  { directory, report }: ComponentSurroundings,
): Input | Process | undefined {
  try {
    return kind.role === "input"
      ? createInput(kind, name, options as never, { directory })
      : kind.create(name, options as never, { directory });
  } catch (error) {
    const known = isSluiceError(error) ? error : undefined;
    const inner = (known?.details["path"] ?? []) as Path;
    const { message } = error as Error;
    report.atValue(
      [...path, ...toFile(inner)],
      known?.code ?? "INVALID_OPTIONS",
      `${describe(kind.role, name)}: ${message}`,
    );
    return undefined;
  }
}

/** What is there of a component whatever else is wrong; without a name there is nothing to speak of. */
function lenient(role: Role, fields: Fields, path: Path): ReadComponent | undefined {
  const { name, type } = fields;
  const on = role === "process" ? fields["on"] : undefined;
  if (typeof name !== "string") return undefined;
  const sources = typeof on === "string" ? [{ from: on, path: [...path, "on"] }] : [];
  if (Array.isArray(on)) {
    for (const [index, from] of on.entries()) {
      if (typeof from === "string") sources.push({ from, path: [...path, "on", index] as string[] });
    }
  }
  return { role, path, name, type: typeof type === "string" ? type : "", reads: [], writes: [], on: sources };
}

function settingsOf(role: Role, common: Fields): Record<string, unknown> {
  const named = mapKeys(common, toCamelCase);
  const operations = listOf(named["operations"] ?? named["operation"])?.map(parseOperation);
  const settings = Object.fromEntries(
    SETTING_KEYS[role].filter((key) => named[key] !== undefined).map((key) => [key, named[key]]),
  );
  return operations === undefined ? settings : { ...settings, operations };
}

function listOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value : [value];
}

/** From the way to an option in code to that in the file. */
function toFile(path: Path): Path {
  return path.map((part, index) => (index === 0 ? toSnakeCase(String(part)) : part));
}

/** Gives a component that a kind made what the file says of it. */
function configure(component: Input | Process, settings: Record<string, unknown>, common: Fields): void {
  const datasets = Object.entries({ reads: common["reads"], writes: common["writes"] });
  Object.assign(component, Object.fromEntries(datasets.filter(([, value]) => value !== undefined)), {
    settings: { ...component.settings, ...settings },
  });
}

function finish(
  partial: ReadComponent,
  component: Input | Process,
  rest: { made?: { kind: AnyKind; options: unknown }; fields: Fields; masked: Fields },
): ReadComponent {
  const { role, name, type } = partial;
  const { reads = [], writes = [], settings } = component as Process;
  const { operations } = (settings ?? {}) as { operations?: readonly string[] };
  const made = { role, name, type: type === "" ? "custom" : type, component, ...rest };
  return {
    ...partial,
    reads,
    writes: role === "process" ? writes : [],
    ...(operations && { operations }),
    made: made as unknown as PipelineInput | PipelineProcess,
  };
}
