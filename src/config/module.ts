import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { fault, type Position } from "./issue.ts";
import { Positions, type Source } from "./positions.ts";
import { isPlainObject } from "./references.ts";

/**
 * Runs a module and takes the pipeline that it exports by default. It is code of the pipeline's owner, and runs as
 * such. Issues about what it exports point to its beginning: where in it a value was made is not known.
 *
 * @throws SluiceError CONFIG_NOT_FOUND, or CONFIG_SYNTAX if it cannot be loaded or exports no pipeline
 */
export async function loadModule(file: string): Promise<Source> {
  const path = resolve(file);
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() !== true) throw fault(file, "CONFIG_NOT_FOUND", "there is no such file");
  // a pipeline that is loaded again after a change must be the changed one
  const url = `${pathToFileURL(path).href}?v=${stats.mtimeMs}`;
  let exports: { readonly default?: unknown };
  try {
    exports = (await import(url)) as typeof exports;
  } catch (cause) {
    const [reason] = String(cause).split("\n", 1);
    const isMissing = (cause as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    const code = isMissing ? "MODULE_NOT_FOUND" : "CONFIG_SYNTAX";
    throw fault(file, code, `the module cannot be loaded: ${reason}`, placeIn(cause, path), cause);
  }
  const value = exports.default;
  if (!isPlainObject(value)) {
    throw fault(
      file,
      "CONFIG_SYNTAX",
      "the module must export a pipeline by default: export default definePipeline({ … })",
    );
  }
  return { file, value, positions: new Positions("") };
}

/** Where in the module an error was thrown, as far as its stack says. */
function placeIn(error: unknown, path: string): Position {
  const { stack = "" } = error instanceof Error ? error : {};
  for (let at = stack.indexOf(path); at !== -1; at = stack.indexOf(path, at + 1)) {
    const match = /^(?:\?v=[\d.]+)?:(\d+)(?::(\d+))?/.exec(stack.slice(at + path.length));
    if (match !== null) return { line: Number(match[1]), column: Number(match[2] ?? 1) };
  }
  return { line: 1, column: 1 };
}
