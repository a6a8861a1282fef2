import { z } from "zod";
import { SluiceError } from "../../src/model/errors.ts";
import { defineInput, defineProcess } from "../../src/model/kind.ts";
import { createRegistry, type Registry } from "../../src/config/registry.ts";

/* Kinds for the tests of src/config: small, and with one of each thing that a kind can have. */

const tableOptions = z.strictObject({
  connectionString: z.string(),
  tables: z.array(z.string()).min(1),
  catchUp: z.enum(["none", "last", "all"]).default("none"),
});

const tableInput = defineInput({
  type: "table",
  summary: "Listens to tables.",
  options: tableOptions,
  secrets: ["connectionString"],
  create: (name, { tables }) => ({ name, type: "table", reads: tables, handle: async () => undefined }),
});

const hookOptions = z.strictObject({ path: z.string(), secrets: z.array(z.string()).optional() });

const hookInput = defineInput({
  type: "hook",
  summary: "Takes events by HTTP.",
  options: hookOptions,
  secrets: ["secrets"],
  create: (name, { path }) => ({
    name,
    type: "hook",
    path,
    handle: async () => undefined,
    fetch: async () => new Response(),
  }),
});

const shellOptions = z
  .strictObject({
    argv: z.array(z.string()).min(1, "expected a program and its arguments"),
    workingDirectory: z.string().optional(),
    limit: z.int().min(1).default(10),
    environment: z.record(z.string(), z.string()).default({}),
  })
  .superRefine(({ argv }, context) => {
    if (argv[0] !== "rm") return;
    context.addIssue({
      code: "custom",
      path: ["argv", 0],
      message: "not that one",
      params: { code: "FORBIDDEN" },
    });
  });

const shellProcess = defineProcess({
  type: "shell",
  summary: "Runs a program.",
  options: shellOptions,
  runsCode: true,
  create(name, options) {
    if (options.workingDirectory === "/nowhere") {
      throw new SluiceError("MODULE_NOT_FOUND", "there is no such folder", {
        details: { path: ["workingDirectory"] },
      });
    }
    if (options.workingDirectory === "file:") throw new TypeError("a mistake of the kind's own");
    return { name, type: "shell", run: () => undefined };
  },
});

const noteOptions = z.strictObject({});

const noteProcess = defineProcess({
  type: "note",
  summary: "Does nothing.",
  options: noteOptions,
  create: (name) => ({ name, type: "note", run: () => undefined }),
});

export const registry: Registry = createRegistry({
  inputs: { table: async () => tableInput, hook: async () => hookInput },
  processes: {
    shell: async () => shellProcess,
    note: async () => noteProcess,
  },
});
