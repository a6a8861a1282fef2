import { z } from "zod";
import { functionKind, functionShape, moduleOf, type FunctionOptions } from "../../child/module-options.ts";
import { loadExport, type Exported, type ModuleOptions } from "../../child/module.ts";
import type { Process } from "../../model/component.ts";
import { parseDuration, type Duration } from "../../model/duration.ts";
import { defineProcess, type ProcessKind } from "../../model/kind.ts";
import { parseSize } from "../../model/size.ts";
import type { ProcessStatus } from "../../model/status.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";
import { checkIsolated, createIsolatedProcess } from "./isolated.ts";
import { withTrace } from "./trace.ts";

/** Options of the `function` process; the function is `run(event, context)`. */
export interface FunctionProcessOptions extends FunctionOptions {
  /**
   * `"thread"`: each attempt has a thread to itself, out of a pool that grows with the process's concurrency. A loop
   * without end, `process.exit()` or memory that runs out there costs that attempt, and nothing else. Each thread loads
   * the module for itself; events, results and what is logged and emitted are copied. Defaults to `"none"`.
   */
  readonly isolate?: "none" | "thread" | undefined;
  /** Most heap of one thread; buffers are beside it. Defaults to `"512MiB"`. */
  readonly memory?: number | string | undefined;
  /** How long after its signal aborted a thread may go on before it is ended. Defaults to 5s. */
  readonly killAfter?: Duration | undefined;
}

const options: z.ZodType<FunctionProcessOptions, FunctionProcessOptions> = z
  .strictObject({
    ...functionShape("run(event, context)"),
    isolate: z
      .enum(["none", "thread"])
      .optional()
      .describe(
        "thread: a loop, an exit or memory that runs out costs one attempt, nothing else. Defaults to none.",
      ),
    memory: sizeOption
      .optional()
      .describe("Most heap of one thread; buffers are beside it. Defaults to 512MiB."),
    killAfter: durationOption
      .optional()
      .describe("How long after its signal aborted a thread may go on before it is ended. Defaults to 5s."),
  })
  .check(({ value, issues }) => {
    if (value.isolate === "thread") return;
    for (const key of ["memory", "killAfter"] as const) {
      if (value[key] === undefined) continue;
      issues.push({ code: "custom", path: [key], input: value, message: 'needs isolate = "thread"' });
    }
  });

const FUNCTION = functionKind("run");
const memoryOf = ({ memory = "512MiB" }: FunctionProcessOptions): number => parseSize(memory);

/**
 * Runs a function `run(event, context)` that a module exports. In code there is no need for it, but for `isolate`: an
 * object `{ name, run }` is a process.
 */
export const functionProcess: ProcessKind<FunctionProcessOptions, FunctionProcessOptions, unknown> =
  defineProcess({
    ...FUNCTION,
    type: "function",
    summary: "Runs a function that a module exports.",
    options,
    check: async (given, surroundings) =>
      given.isolate === "thread"
        ? checkIsolated(moduleOf(given, surroundings.directory, "run"), memoryOf(given))
        : FUNCTION.check(given, surroundings),
    // A thread loads them itself, as they are when it starts.
    imports: (given, surroundings) =>
      given.isolate === "thread" ? [] : FUNCTION.imports(given, surroundings),
    create(name, given, { directory }) {
      const module = moduleOf(given, directory, "run");
      if (given.isolate !== "thread") return withTrace(createProcess(name, module));
      const limits = { memory: memoryOf(given), killAfter: parseDuration(given.killAfter ?? "5s") };
      return withTrace(createIsolatedProcess(name, module, limits));
    },
  });

function createProcess(name: string, module: ModuleOptions): Process {
  let loaded: Exported | undefined;
  return {
    name,
    type: "function",
    async open() {
      loaded = await loadExport(module);
    },
    async run(event, context) {
      loaded ??= await loadExport(module);
      return (await loaded(event, context)) as ProcessStatus | void;
    },
  };
}
