import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInputContext } from "../testing/context.ts";
import { functionInput } from "./function.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-function-"));
  await writeFile(join(directory, "package.json"), `{"type":"module"}`);
  await writeFile(
    join(directory, "listen.ts"),
    `export const handle = async ({ emit, signal }: any): Promise<void> => {
       await emit({ id: "1", data: "seen" });
       if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
     };
     export async function fails(): Promise<void> { throw new Error("no connection"); }`,
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("a function input listens by the exported function until its signal aborts", async () => {
  const input = functionInput.create("listen", { module: "./listen.ts" }, { directory });
  const context = createInputContext();
  const ended = input.handle(context);
  await context.waitFor(1);
  context.stop();
  await ended;
  expect(context.emitted).toMatchObject([{ id: "1", data: "seen" }]);
});

test("a function input fails as its function does, or for want of it", async () => {
  const failing = functionInput.create("listen", { module: "./listen.ts", export: "fails" }, { directory });
  await expect(failing.handle(createInputContext())).rejects.toThrow("no connection");
  const wanting = functionInput.create("listen", { module: "./listen.ts", export: "none" }, { directory });
  await expect(wanting.handle(createInputContext())).rejects.toMatchObject({ code: "MODULE_NOT_FOUND" });
  expect(() => functionInput({ name: "listen", module: "./nowhere.ts" })).toThrow(
    expect.objectContaining({ code: "MODULE_NOT_FOUND" }),
  );
});
