import { z } from "zod";
import { findModule, loadExport, type Exported } from "../child/module.ts";
import type { ProcessStatus } from "../model/status.ts";
import { defineProcess, type ProcessKind } from "../model/kind.ts";

/** Options of the `function` process. */
export interface FunctionProcessOptions {
  /** The module's file, relative to the config file's folder (in code: the working directory), or a `file:` URL. */
  readonly module: string;
  /** Which export is the function `run(event, context)`. Defaults to `default`. */
  readonly export?: string | undefined;
}

const options: z.ZodType<FunctionProcessOptions, FunctionProcessOptions> = z.strictObject({
  module: z
    .string()
    .min(1)
    .describe("The module's file, relative to the config file's folder: TypeScript or JavaScript."),
  export: z
    .string()
    .min(1)
    .optional()
    .describe("Which export is the function run(event, context). Defaults to default."),
});

/**
 * Runs a function `run(event, context)` that a module exports. In code there is no need for it: an object
 * `{ name, run }` is a process.
 */
export const functionProcess: ProcessKind<FunctionProcessOptions, FunctionProcessOptions, unknown> =
  defineProcess({
    type: "function",
    summary: "Runs a function that a module exports.",
    options,
    runsCode: true,
    async check(given, { directory }) {
      await loadExport({ ...given, export: given.export, directory, method: "run" });
    },
    create(name, given, { directory }) {
      findModule(given.module, directory);
      let loaded: Exported | undefined;
      const load = (): Promise<Exported> =>
        loadExport({ ...given, export: given.export, directory, method: "run" });
      return {
        name,
        type: "function",
        async open() {
          loaded = await load();
        },
        async run(event, context) {
          loaded ??= await load();
          return (await loaded(event, context)) as ProcessStatus | void;
        },
      };
    },
  });
