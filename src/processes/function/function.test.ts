import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createRunContext } from "../../testing/context.ts";
import { functionProcess } from "./index.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-function-"));
  await writeFile(join(directory, "package.json"), `{"type":"module"}`);
  await writeFile(
    join(directory, "enrich.ts"),
    `export async function enrich(event: { data: number }, context: any): Promise<object> {
       if (event.data < 0) throw new TypeError("negative", { cause: new Error("too cold") });
       if (event.data === 0) throw Object.assign(new Error("no such customer"), { [Symbol.for("sluice.permanent")]: true });
       context.log("saw " + event.data);
       context.emit({ id: "2", data: event.data * 2 });
       return { name: "enrich", status: "success" };
     }`,
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("a function process", () => {
  const make = () =>
    functionProcess.create("enrich", { module: "./enrich.ts", export: "enrich" }, { directory });

  test("runs the exported function with event and context, and passes on what it answers", async () => {
    const context = createRunContext({ event: { data: 21 } });
    expect(await make().run(context.event, context)).toEqual({ name: "enrich", status: "success" });
    expect(context.lines).toEqual([{ stream: "log", text: "saw 21" }]);
    expect(context.emitted).toEqual([{ id: "2", data: 42 }]);
  });

  test("fails as the function does", async () => {
    const context = createRunContext({ event: { data: -1 } });
    await expect(make().run(context.event, context)).rejects.toThrow(new TypeError("negative"));
  });

  test("says in the run's log where it failed, and why, without what is not its own", async () => {
    const context = createRunContext({ event: { data: -1 } });
    await expect(make().run(context.event, context)).rejects.toThrow("negative");
    expect(context.lines).toEqual([{ stream: "stderr", text: expect.stringContaining("enrich.ts:2:") }]);
    expect(context.lines[0]?.text).toMatch(/^TypeError: negative\n.*\bcaused by Error: too cold$/s);
    expect(context.lines[0]?.text).not.toMatch(/node:internal|processes\/function/);
  });

  test("says no more in the run's log of what was thrown to tell the engine something", async () => {
    const context = createRunContext({ event: { data: 0 } });
    await expect(make().run(context.event, context)).rejects.toThrow("no such customer");
    expect(context.lines).toEqual([]);
  });

  test("says when it is opened that its export is missing", async () => {
    const process = functionProcess.create("enrich", { module: "enrich.ts", export: "enrch" }, { directory });
    const owner = { pipeline: "p", journalId: "j", epoch: 1, log: silentLogger };
    await expect(process.open?.(owner)).rejects.toMatchObject({
      code: "MODULE_NOT_FOUND",
      message: expect.stringContaining("it exports enrich"),
    });
  });

  test("is not made of a module that is not there", () => {
    expect(() => functionProcess({ name: "enrich", module: "./nowhere.ts" })).toThrow(
      expect.objectContaining({ code: "MODULE_NOT_FOUND" }),
    );
  });
});
