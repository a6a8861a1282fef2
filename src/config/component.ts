import { z } from "zod";
import type { Input, Process } from "../model/component.ts";
import { isSluiceError } from "../model/errors.ts";
import { INPUT_KEYS, PROCESS_KEYS, type Surroundings } from "../model/kind.ts";
import { MASK } from "../model/mask.ts";
import { parseOperation } from "../model/operation.ts";
import { didYouMean } from "../model/suggest.ts";
import { mapKeys, toCamelCase, toSnakeCase } from "./case.ts";
import { read, type Report } from "./checks.ts";
import { optionKeys } from "./option-keys.ts";
import type { PipelineInput, PipelineProcess } from "./pipeline.ts";
import type { Path } from "./positions.ts";
import { isPlainObject } from "./references.ts";
import type { AnyKind, Registry, Role } from "./registry.ts";
import { INPUT, PROCESS, RESERVED } from "./schema.ts";

export interface ComponentSurroundings extends Surroundings {
  readonly registry: Registry;
  readonly report: Report;
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
  /** Absent if something about it is wrong. */
  readonly made?: PipelineInput | PipelineProcess;
}

type Fields = Readonly<Record<string, unknown>>;

const SHAPES = { input: INPUT, process: PROCESS } as const;
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
  fields: Fields,
  masked: Fields,
  path: Path,
  surroundings: ComponentSurroundings,
): Promise<ReadComponent | undefined> {
  const { report } = surroundings;
  const shape = SHAPES[role];
  const what = describe(role, fields["name"]);
  const before = report.issues.length;
  const given = Object.entries(fields).filter(([key]) => Object.hasOwn(shape, key));
  const common = read<Fields>(z.strictObject(shape), Object.fromEntries(given), {
    report,
    path,
    what,
    within: (key) => keysWithin(shape, key),
  });
  if (fields["operation"] !== undefined && fields["operations"] !== undefined && role === "input") {
    const message = `${what}: operation and operations mean the same; write one of them`;
    report.atKey([...path, "operations"], "INVALID_OPTIONS", message);
  }
  const kind = await findKind(role, fields["type"], path, what, surroundings);
  const own = kind === undefined ? undefined : readOptions(kind, fields, path, what, report);
  const partial = lenient(role, fields, path);
  if (partial === undefined) return undefined;
  const isRight =
    common !== undefined && kind !== undefined && own !== undefined && report.issues.length === before;
  if (!isRight) return partial;
  rememberSecrets(kind, own, surroundings.addSecret);
  const component = create(kind, partial.name, own, path, surroundings);
  if (component === undefined) return partial;
  configure(component, settingsOf(role, common), common);
  return finish(partial, component, { made: { kind, options: own }, masked: maskSecrets(kind, masked) });
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
  return finish(partial, component, { masked: fields });
}

/** The keys of a table such as `retry`. */
function keysWithin(shape: Readonly<Record<string, z.core.$ZodType>>, key: string): readonly string[] {
  const found = shape[key];
  const table = found instanceof z.ZodOptional ? found.unwrap() : found;
  return table instanceof z.ZodObject ? Object.keys(table.shape) : [];
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

/** The options of a kind, flat beside the common keys or in `execution_context`. */
function readOptions(kind: AnyKind, fields: Fields, path: Path, what: string, report: Report): unknown {
  const shape = SHAPES[kind.role];
  const context = kind.role === "process" ? fields["execution_context"] : undefined;
  const nested = isPlainObject(context) ? context : {};
  const places = new Map<string, Path>();
  const options: Record<string, unknown> = {};
  const known = [...Object.keys(shape), ...optionKeys(kind).map(toSnakeCase)];
  let isRight = true;
  const take = (key: string, value: unknown, place: Path): void => {
    const name = toCamelCase(key);
    const wrong = wrongKey(key, place.length > 1, Object.hasOwn(options, name), known);
    if (wrong !== undefined) {
      isRight = false;
      report.atKey([...path, ...place], "UNKNOWN_KEY", `${what}: ${wrong}`);
      return;
    }
    places.set(name, place);
    Object.defineProperty(options, name, { value, enumerable: true, configurable: true, writable: true });
  };
  for (const [key, value] of Object.entries(fields)) {
    if (!Object.hasOwn(shape, key)) take(key, value, [key]);
  }
  for (const [key, value] of Object.entries(nested)) take(key, value, ["execution_context", key]);
  const isText = (key: string): boolean => (places.get(key)?.length ?? 0) > 1;
  const result = read(kind.options, fromText(kind, options, isText), {
    report,
    path,
    what,
    known,
    toFile: (key) => places.get(key) ?? [toSnakeCase(key)],
  });
  return isRight ? result : undefined;
}

/** What is wrong with a key itself, before its kind is asked. */
function wrongKey(
  key: string,
  isNested: boolean,
  isDouble: boolean,
  known: readonly string[],
): string | undefined {
  const quoted = JSON.stringify(key);
  if (isDouble) return `${quoted} stands both flat and in execution_context; write it once`;
  if (RESERVED.includes(key)) return `${quoted} is kept for later versions; this one has no such key`;
  if (toSnakeCase(key) !== key) return `there is no key ${quoted}${didYouMean(toSnakeCase(key), known)}`;
  if (isNested && ["name", "type", "on"].includes(key))
    return `${quoted} does not belong into execution_context`;
  return undefined;
}

/**
 * `execution_context` is a map of strings, and kinds also have numbers, lists and booleans: text that an option does
 * not accept is tried as JSON.
 */
function fromText(kind: AnyKind, options: Fields, isText: (key: string) => boolean): Fields {
  const result = kind.options["~standard"].validate(options);
  if (result instanceof Promise || result.issues === undefined) return options;
  const changed = { ...options };
  for (const issue of result.issues) {
    const [first] = issue.path ?? [];
    const key = String(typeof first === "object" ? first.key : first);
    const value = options[key];
    if (!isText(key) || typeof value !== "string") continue;
    try {
      changed[key] = JSON.parse(value) as unknown;
    } catch {
      continue;
    }
  }
  return changed;
}

function create(
  kind: AnyKind,
  name: string,
  options: unknown,
  path: Path,
  { directory, report }: ComponentSurroundings,
): Input | Process | undefined {
  try {
    return kind.create(name, options as never, { directory });
  } catch (error) {
    const known = isSluiceError(error) ? error : undefined;
    const inner = (known?.details["path"] ?? []) as Path;
    const place = inner.map((part, index) => (index === 0 ? toSnakeCase(String(part)) : part));
    const { message } = error as Error;
    report.atValue(
      [...path, ...place],
      known?.code ?? "INVALID_OPTIONS",
      `${describe(kind.role, name)}: ${message}`,
    );
    return undefined;
  }
}

/** What is there of a component whatever else is wrong; without a name there is nothing to speak of. */
function lenient(role: Role, fields: Fields, path: Path): ReadComponent | undefined {
  const { name, type, on } = fields;
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
  rest: { made?: { kind: AnyKind; options: unknown }; masked: Fields },
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

function rememberSecrets(kind: AnyKind, options: unknown, addSecret: (secret: string) => void): void {
  for (const key of kind.secrets ?? []) {
    for (const text of textsOf((options as Fields)[key])) addSecret(text);
  }
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function maskSecrets(kind: AnyKind, masked: Fields): Fields {
  const secrets = new Set((kind.secrets ?? []).map(toSnakeCase));
  const hide = (fields: Fields): Fields =>
    Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, secrets.has(toSnakeCase(key)) ? MASK : value]),
    );
  const context = masked["execution_context"];
  const hidden = hide(masked);
  return isPlainObject(context) ? { ...hidden, execution_context: hide(context) } : hidden;
}
