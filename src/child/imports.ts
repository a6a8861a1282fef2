import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readSmallFile } from "../options/small-file.ts";

/**
 * `import … from "./x.ts"`, `export … from "./x.ts"`, `import "./x.ts"`; types are erased before anything is loaded. Each
 * part is bounded, and none can be told in two ways: a text like no program takes no longer than others.
 */
const STATIC =
  /(?<![.\w$])(?:import|export)\b(?!\s{0,99}type\b)(?:[^"';()]{0,2000}?\bfrom)?\s{0,99}["'](\.{1,2}\/[^"'\n]+)["']/g;
const DYNAMIC = /(?<![.\w$])(?:import|require)\s{0,99}\(\s{0,99}["'](\.{1,2}\/[^"'\n]+)["']/g;

/** Files that are followed at most, and bytes of the largest whose text is looked at. */
const MOST_FILES = 1_000;
const LARGEST = 1_000_000;

/** Files that a module imports by relative paths, and what those import in their turn, as far as their text says. */
export function importsOf(file: string): readonly string[] {
  const found = new Set<string>([file]);
  for (const one of found) {
    for (const imported of found.size < MOST_FILES ? directImports(one) : []) found.add(imported);
  }
  found.delete(file);
  return [...found];
}

function directImports(file: string): readonly string[] {
  const text = textOf(file);
  const specifiers = [STATIC, DYNAMIC].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([, one]) => one),
  );
  return specifiers.map((one = "") => findImport(one, file)).filter((one) => one !== undefined);
}

/** What cannot be read is not followed: who loads it says what is wrong. */
function textOf(file: string): string {
  try {
    return readSmallFile(file, LARGEST).toString();
  } catch {
    return "";
  }
}

function findImport(specifier: string, from: string): string | undefined {
  const [path = ""] = specifier.split(/[?#]/, 1);
  // CommonJS adds the ending itself.
  return [
    toPath(path, from),
    resolve(dirname(from), `${path}.js`),
    resolve(dirname(from), path, "index.js"),
  ].find(isFile);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Percent signs of an import are those of a URL. */
function toPath(path: string, from: string): string {
  try {
    return fileURLToPath(new URL(path, pathToFileURL(from)));
  } catch {
    return resolve(dirname(from), path);
  }
}
