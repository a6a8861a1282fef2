import { z } from "zod";
import { contentOf, findModule, loadExport, type Exported, type ModuleOptions } from "../../child/module.ts";
import type { Process } from "../../model/component.ts";
import { parseDuration, type Duration } from "../../model/duration.ts";
import { defineProcess, type ProcessKind } from "../../model/kind.ts";
import { parseSize } from "../../model/size.ts";
import type { ProcessStatus } from "../../model/status.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";
import { createIsolatedProcess } from "./isolated.ts";

/** Options of the `function` process. */
export interface FunctionProcessOptions {
  /** The module's file, relative to the config file's folder (in code: the working directory), or a `file:` URL. */
  readonly module: string;
  /** Which export is the function `run(event, context)`. Defaults to `default`. */
  readonly export?: string | undefined;
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
    module: z
      .string()
      .min(1)
      .describe("The module's file, relative to the config file's folder: TypeScript or JavaScript."),
    export: z
      .string()
      .min(1)
      .optional()
      .describe("Which export is the function run(event, context). Defaults to default."),
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

/**
 * Runs a function `run(event, context)` that a module exports. In code there is no need for it, but for `isolate`: an
 * object `{ name, run }` is a process.
 */
export const functionProcess: ProcessKind<FunctionProcessOptions, FunctionProcessOptions, unknown> =
  defineProcess({
    type: "function",
    summary: "Runs a function that a module exports.",
    options,
    runsCode: true,
    files: (given, { directory }) => [findModule(given.module, directory)],
    async check(given, { directory }) {
      await loadExport(moduleOf(given, directory));
    },
    create(name, given, { directory }) {
      const module = moduleOf(given, directory);
      if (given.isolate !== "thread") return createProcess(name, module);
      return createIsolatedProcess(name, module, {
        memory: parseSize(given.memory ?? "512MiB"),
        killAfter: parseDuration(given.killAfter ?? "5s"),
      });
    },
  });

function moduleOf(given: FunctionProcessOptions, directory: string): ModuleOptions {
  const content = contentOf(given.module, directory);
  return { module: given.module, export: given.export, directory, method: "run", content };
}

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
