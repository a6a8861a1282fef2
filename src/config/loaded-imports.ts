import { createHash } from "node:crypto";
import { relative } from "node:path";
import { CODE_LIMIT, readSmallFile } from "../options/small-file.ts";
import type { Pipeline } from "./pipeline.ts";

/**
 * What components import, as it was when it was loaded first: Node keeps that until the process ends, whatever becomes
 * of the files.
 */
export class LoadedImports {
  readonly #first = new Map<string, string | undefined>();

  /** To be called when the components of a pipeline have been loaded. */
  add(pipeline: Pipeline): void {
    for (const { file } of importsOf(pipeline))
      if (!this.#first.has(file)) this.#first.set(file, hashOf(file));
  }

  /** Says which files a pipeline's components would import as they were, though they have changed. */
  warnings(pipeline: Pipeline): readonly string[] {
    return importsOf(pipeline)
      .filter(({ file }) => this.#first.has(file) && this.#first.get(file) !== hashOf(file))
      .map(({ what, file }) => {
        const name = relative(pipeline.directory, file);
        return `${what} imports ${name}, which has changed and stays as it was loaded: restart the pipeline for that, or use "sluice dev" while you write`;
      });
  }
}

interface Import {
  readonly what: string;
  readonly file: string;
}

function importsOf({ inputs, processes, directory }: Pipeline): readonly Import[] {
  return [...inputs, ...processes].flatMap(({ role, name, made }) => {
    const files = made?.kind.imports?.(made.options as never, { directory }) ?? [];
    return files.map((file) => ({ what: `${role} "${name}"`, file }));
  });
}

/** `undefined` if it cannot be read, as if it were not there. */
function hashOf(file: string): string | undefined {
  try {
    return createHash("sha256").update(readSmallFile(file, CODE_LIMIT)).digest("hex");
  } catch {
    return undefined;
  }
}
