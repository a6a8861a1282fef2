import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SluiceError } from "../model/errors.ts";
import { CODE_LIMIT, readSmallFile } from "../options/small-file.ts";

/** A function that a module exports, bound to the object that it is a method of. */
// oxlint-disable-next-line typescript/no-explicit-any -- what it takes is its caller's affair
export type Exported = (...values: any[]) => unknown;

export interface ModuleOptions {
  /** A path relative to `directory`, or a `file:` URL. */
  readonly module: string;
  readonly directory: string;
  /** The export's name. Defaults to `default`, or else what is called like `method`. */
  readonly export: string | undefined;
  /** What it is called as a method of an exported object. */
  readonly method: "run" | "handle";
  /** Of the file, when the component was made (`contentOf`): another content than before is loaded anew. */
  readonly content?: string;
}

/**
 * A hash of a module's file: what it imports is not looked at, and stays as it was loaded first.
 *
 * @throws SluiceError MODULE_NOT_FOUND
 */
export function contentOf(module: string, directory: string): string {
  const file = findModule(module, directory);
  try {
    return createHash("sha256").update(readSmallFile(file, CODE_LIMIT)).digest("hex").slice(0, 12);
  } catch (cause) {
    throw new SluiceError("MODULE_NOT_FOUND", `${file} cannot be loaded: ${(cause as Error).message}`, {
      cause,
      details: { path: ["module"], file },
    });
  }
}

/** The content with which each file was loaded first: Node keeps that one under the file's plain URL. */
const first = new Map<string, string>();

/** @throws SluiceError MODULE_NOT_FOUND */
export function findModule(module: string, directory: string): string {
  const file = module.startsWith("file:") ? fileURLToPath(module) : resolve(directory, module);
  if (existsSync(file)) return file;
  throw new SluiceError(
    "MODULE_NOT_FOUND",
    `there is no module ${JSON.stringify(module)} in ${directory}; paths are relative to the config file's folder`,
    { details: { path: ["module"], file } },
  );
}

/**
 * Loads a module, once however often it is asked for, and takes a function out of it.
 *
 * @throws SluiceError MODULE_NOT_FOUND if it is not there, cannot be loaded, or does not export the function
 */
export async function loadExport(options: ModuleOptions): Promise<Exported> {
  const file = findModule(options.module, options.directory);
  const exports = await importModule(file, options.content);
  const name = options.export ?? ("default" in exports ? "default" : options.method);
  const value = exports[name];
  if (typeof value === "function") return value as Exported;
  const method = (value as Readonly<Record<string, unknown>> | null | undefined)?.[options.method];
  if (typeof method === "function") return (method as Exported).bind(value);
  throw notExported(
    options,
    file,
    value === undefined ? undefined : typeof value,
    Object.keys(exports).toSorted(),
  );
}

async function importModule(file: string, content = ""): Promise<Readonly<Record<string, unknown>>> {
  const { href } = pathToFileURL(file);
  const known = first.get(file) ?? content;
  first.set(file, known);
  try {
    return (await import(known === content ? href : `${href}?v=${content}`)) as Record<string, unknown>;
  } catch (cause) {
    const reason =
      cause instanceof Error ? `${cause.name}: ${cause.message}${placeOf(cause)}` : String(cause);
    throw new SluiceError("MODULE_NOT_FOUND", `${file} cannot be loaded: ${reason}`, {
      cause,
      details: { path: ["module"], file },
    });
  }
}

/**
 * Node tells where a syntax error is only at the head of the stack: a line `file:///…/enrich.ts:12`. It does so in
 * folders whose package.json says `"type": "module"`; elsewhere it tries the module as CommonJS, and the place is lost.
 */
function placeOf({ stack }: Error): string {
  const [, url, line] = /^(file:.+):(\d+)\n/.exec(stack ?? "") ?? [];
  return url === undefined ? "" : ` (${fileURLToPath(url)}:${line})`;
}

function notExported(
  { export: wanted, method }: ModuleOptions,
  file: string,
  found: string | undefined,
  names: readonly string[],
): SluiceError {
  const what = wanted === undefined ? "no default export" : `no export ${JSON.stringify(wanted)}`;
  const problem =
    found === undefined ? `has ${what}` : `exports ${JSON.stringify(wanted ?? "default")} as ${found}`;
  const there = names.length === 0 ? "nothing" : names.join(", ");
  return new SluiceError(
    "MODULE_NOT_FOUND",
    `${file} ${problem}; it exports ${there}. Export a function, or an object with a method ${method}()`,
    { details: { path: ["export"], file, exports: names } },
  );
}
