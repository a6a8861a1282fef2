import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contentOf, findModule, loadExport } from "./module.ts";

let directory: string;
const files: Record<string, string> = {
  "enrich.ts": `export interface A { a: number }
    export const enrich = (value: number): string => "enriched " + value;
    export default function (value: number): string { return "default " + value; }`,
  "named.js": `export const run = () => "run", handle = () => "handle", limit = 3;`,
  "object.js": `export default { prefix: "own", run(value) { return this.prefix + value; } };`,
  "nothing.js": `globalThis.loaded = true;`,
  "broken.js": `export default (;`,
  "throwing.js": `throw new Error("no database");`,
  "needy.js": `import "./not-there.js";`,
};
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-module-"));
  await writeFile(join(directory, "package.json"), `{"type":"module"}`);
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const load = (module: string, name?: string, method: "run" | "handle" = "run") =>
  loadExport({ module, export: name, directory, method });

describe("a function of a module", () => {
  test("is the default export unless another is named, in TypeScript too", async () => {
    expect((await load("./enrich.ts"))(1)).toBe("default 1");
    expect((await load("enrich.ts", "enrich"))(1)).toBe("enriched 1");
    expect((await load(join(directory, "enrich.ts"), "enrich"))(2)).toBe("enriched 2");
    expect((await load(pathToFileURL(join(directory, "enrich.ts")).href))(2)).toBe("default 2");
  });

  test("may also be the export called run or handle, or a method of the exported object", async () => {
    expect((await load("named.js"))()).toBe("run");
    expect((await load("named.js", undefined, "handle"))()).toBe("handle");
    expect((await load("object.js"))(1)).toBe("own1");
  });

  test("that is not exported: the message says what is", async () => {
    await expect(load("named.js", "enrich")).rejects.toMatchObject({
      code: "MODULE_NOT_FOUND",
      message: expect.stringMatching(/named\.js has no export "enrich"; it exports handle, limit, run\./),
      details: { exports: ["handle", "limit", "run"] },
    });
    await expect(load("named.js", "limit")).rejects.toThrow(/exports "limit" as number/);
    await expect(load("nothing.js")).rejects.toThrow(/has no default export; it exports nothing/);
    await expect(load("object.js", undefined, "handle")).rejects.toThrow(/a method handle\(\)/);
  });
});

describe("a module", () => {
  test("that is not there is found at once", () => {
    expect(() => findModule("./missing.ts", directory)).toThrow(
      expect.objectContaining({
        code: "MODULE_NOT_FOUND",
        message: expect.stringContaining(`"./missing.ts"`),
      }),
    );
  });

  test("that is no file is refused before it is read", () => {
    for (const module of ["/dev/zero", "."])
      expect(() => contentOf(module, directory)).toThrow(
        expect.objectContaining({
          code: "MODULE_NOT_FOUND",
          message: expect.stringMatching(/is not a regular file/),
        }),
      );
  });

  test.each([
    ["broken.js", "rror"],
    ["throwing.js", "no database"],
    ["needy.js", "not-there.js"],
  ])("that cannot be loaded, %s, says why", async (module, reason) => {
    await expect(load(module)).rejects.toMatchObject({
      code: "MODULE_NOT_FOUND",
      message: expect.stringMatching(`${module} cannot be loaded: .*${reason}`),
    });
  });
});
