import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { InputKind } from "../../src/model/kind.ts";
import { createRegistry, parsePipeline } from "../../src/config/index.ts";
import { BUILT_IN_KINDS } from "../../src/cli/kinds.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import { createInputContext } from "../../src/testing/context.ts";

const root = join(import.meta.dirname, "../..");
/** In the repository, so that what a snippet imports is found; not tracked. */
const folder = join(import.meta.dirname, ".data");

await mkdir(folder, { recursive: true });
afterAll(() => rm(folder, { recursive: true, force: true }));

async function snippet(page: string, fence: string, containing: string): Promise<string> {
  const text = await readFile(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const found = blocks.find(
    ([, language, body]) => language === fence && body?.includes(containing) === true,
  );
  if (found?.[2] === undefined) throw new Error(`${page} has no ${fence} block with ${containing}`);
  return found[2];
}

test("the config file of the README is valid", async () => {
  await writeFile(join(folder, "enrich.ts"), "export default async function run() {}\n");
  const pipeline = await parsePipeline(await snippet("README.md", "toml", "sluice.toml"), {
    file: join(folder, "sluice.toml"),
    registry: createRegistry(BUILT_IN_KINDS),
    environment: { ORDERS_SECRET: "whsec_bm90IGEgc2hvcnQgc2VjcmV0" },
  });
  expect(pipeline.name).toBe("orders");
  expect(pipeline.warnings).toEqual([]);
});

describe("the component that CONTRIBUTING walks through", async () => {
  const file = join(folder, "counter.ts");
  await copySource("export const counterInput", file);
  await copySource("inputConformance({", join(folder, "counter-suite.ts"));
  const { counterInput } = (await import(/* @vite-ignore */ file)) as {
    counterInput: InputKind<{ every?: string }, { every: string }, { count: number }>;
  };

  await import(/* @vite-ignore */ join(folder, "counter-suite.ts"));

  test("counts", async () => {
    const clock = createFakeClock();
    const context = createInputContext({ clock });
    const listening = counterInput({ name: "counter", every: "2s" }).handle(context);
    for (let count = 1; count <= 3; count++) {
      await clock.advance(2_000);
      await context.waitFor(count);
    }
    context.stop();
    await listening;
    expect(context.emitted.map(({ data }) => data)).toEqual([{ count: 1 }, { count: 2 }, { count: 3 }]);
  });

  test("refuses what is no option", () => {
    expect(() => counterInput({ name: "counter", evry: "2s" } as never)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS" }),
    );
  });
});

/** What stands in src/inputs as it is told there finds the rest of src from here. */
async function copySource(containing: string, file: string): Promise<void> {
  const source = await snippet("CONTRIBUTING.md", "ts", containing);
  await writeFile(file, source.replaceAll('"../', `"${pathToFileURL(join(root, "src")).href}/`));
}
