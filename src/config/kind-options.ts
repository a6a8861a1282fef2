import { didYouMean } from "../model/suggest.ts";
import { toCamelCase, toSnakeCase } from "./case.ts";
import { read, type Report } from "./checks.ts";
import { optionKeys } from "./option-keys.ts";
import type { Path } from "./positions.ts";
import { isPlainObject } from "./references.ts";
import type { AnyKind } from "./registry.ts";
import { RESERVED, SHAPES, type Fields } from "./schema.ts";

/** The options of a kind, flat beside the common keys or in `execution_context`. */
export function readOptions(
  kind: AnyKind,
  fields: Fields,
  path: Path,
  what: string,
  report: Report,
): unknown {
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
    elsewhere: (key) => ofTheOtherRole(kind, key),
    secrets: kind.secrets,
    toFile: (key) => places.get(key) ?? [toSnakeCase(key)],
  });
  return isRight ? result : undefined;
}

function ofTheOtherRole({ role }: AnyKind, key: string): string {
  if (role === "input") return Object.hasOwn(SHAPES.process, key) ? `; ${key} is a key of a process` : "";
  if (key === "operation" || key === "operations") return `; ${key} is a key of a [[link]], or of an input`;
  return Object.hasOwn(SHAPES.input, key) ? `; ${key} is a key of an input` : "";
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
