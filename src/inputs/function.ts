import { z } from "zod";
import { contentOf, findModule, loadExport, type ModuleOptions } from "../child/module.ts";
import { defineInput, type InputKind } from "../model/kind.ts";

/** Options of the `function` input. */
export interface FunctionInputOptions {
  /** The module's file, relative to the config file's folder (in code: the working directory), or a `file:` URL. */
  readonly module: string;
  /** Which export is the function `handle(context)`. Defaults to `default`. */
  readonly export?: string | undefined;
}

const options: z.ZodType<FunctionInputOptions, FunctionInputOptions> = z.strictObject({
  module: z
    .string()
    .min(1)
    .describe("The module's file, relative to the config file's folder: TypeScript or JavaScript."),
  export: z
    .string()
    .min(1)
    .optional()
    .describe("Which export is the function handle(context). Defaults to default."),
});

/**
 * Listens by a function `handle(context)` that a module exports. In code there is no need for it: an object
 * `{ name, handle }` is an input.
 */
export const functionInput: InputKind<FunctionInputOptions, FunctionInputOptions, unknown> = defineInput({
  type: "function",
  summary: "Listens by a function that a module exports.",
  options,
  runsCode: true,
  files: (given, { directory }) => [findModule(given.module, directory)],
  async check(given, { directory }) {
    await loadExport(moduleOf(given, directory));
  },
  create(name, given, { directory }) {
    const module = moduleOf(given, directory);
    return {
      name,
      type: "function",
      async handle(context) {
        const handle = await loadExport(module);
        await handle(context);
      },
    };
  },
});

function moduleOf(given: FunctionInputOptions, directory: string): ModuleOptions {
  const content = contentOf(given.module, directory);
  return { module: given.module, export: given.export, directory, method: "handle", content };
}
