import { z } from "zod";
import { functionKind, functionShape, moduleOf, type FunctionOptions } from "../child/module-options.ts";
import { loadExport } from "../child/module.ts";
import { defineInput, type InputKind } from "../model/kind.ts";

/** Options of the `function` input; the function is `handle(context)`. */
export type FunctionInputOptions = FunctionOptions;

const options: z.ZodType<FunctionInputOptions, FunctionInputOptions> = z.strictObject(
  functionShape("handle(context)"),
);

/**
 * Listens by a function `handle(context)` that a module exports. In code there is no need for it: an object
 * `{ name, handle }` is an input.
 */
export const functionInput: InputKind<FunctionInputOptions, FunctionInputOptions, unknown> = defineInput({
  ...functionKind("handle"),
  type: "function",
  summary: "Listens by a function that a module exports.",
  options,
  create(name, given, { directory }) {
    const module = moduleOf(given, directory, "handle");
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
