import { z } from "zod";
import type { Shape } from "../options/shape.ts";
import { importsOf } from "./imports.ts";
import { contentOf, findModule, loadExport, type ModuleOptions } from "./module.ts";

// What kinds whose work is a function of a module let their user say of it.

export interface FunctionOptions {
  /** The module's file, relative to the config file's folder (in code: the working directory), or a `file:` URL. */
  readonly module: string;
  /** Which export is the function. Defaults to `default`. */
  readonly export?: string | undefined;
}

/** @param signature how the function is called, for people */
export function functionShape(signature: string): Shape<FunctionOptions, FunctionOptions> {
  return {
    module: z
      .string()
      .min(1)
      .describe("The module's file, relative to the config file's folder: TypeScript or JavaScript."),
    export: z
      .string()
      .min(1)
      .optional()
      .describe(`Which export is the function ${signature}. Defaults to default.`),
  };
}

/** The module as it is now. @throws SluiceError MODULE_NOT_FOUND */
export function moduleOf(
  { module, export: name }: FunctionOptions,
  directory: string,
  method: ModuleOptions["method"],
): ModuleOptions {
  return { module, export: name, directory, method, content: contentOf(module, directory) };
}

/** What the specifications of those kinds say alike. */
export function functionKind(method: ModuleOptions["method"]): {
  readonly runsCode: true;
  readonly files: (given: FunctionOptions, surroundings: { readonly directory: string }) => readonly string[];
  readonly imports: (
    given: FunctionOptions,
    surroundings: { readonly directory: string },
  ) => readonly string[];
  readonly check: (given: FunctionOptions, surroundings: { readonly directory: string }) => Promise<void>;
} {
  return {
    runsCode: true,
    files: ({ module }, { directory }) => [findModule(module, directory)],
    imports: ({ module }, { directory }) => importsOf(findModule(module, directory)),
    async check(given, { directory }) {
      await loadExport(moduleOf(given, directory, method));
    },
  };
}
