import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";

const block = guideBlocks("files.md");

test(
  "the guide to files has a pipeline that runs: a file's rows are stored in their order",
  { timeout: 30_000 },
  async () => {
    const space = workspace(block("sluice.toml"));
    try {
      space.write("store.ts", block("store.ts"));
      await mkdir(join(space.folder, "inbox"));
      const running = await space.run();
      space.write("inbox/monday.csv.part", block("inbox/monday.csv"));
      await rename(join(space.folder, "inbox/monday.csv.part"), join(space.folder, "inbox/monday.csv"));
      const stored = (): Promise<string> =>
        readFile(join(space.folder, "stored.ndjson"), "utf8").catch(() => "");
      await expect.poll(stored, { timeout: 20_000 }).toBe(block("stored.ndjson"));
      await writeFile(join(space.folder, "inbox/tuesday.csv"), "id,country\no-3\n");
      await expect
        .poll(() => space.json(["status"]), { timeout: 20_000 })
        .toMatchObject({ inputs: [{ name: "orders", lastError: { code: "INVALID_FILE" } }] });
      expect((await running.stop()).code).toBe(0);
    } finally {
      await space.remove();
    }
  },
);
