import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LARGEST_OUTPUT } from "../../child/output.ts";
import { openFolder, readOutput, sweepFiles, writeFiles } from "./files.ts";

let directory: string;
let files: string;
let output: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-files-"));
  await mkdir(join(directory, ".sluice"));
});
beforeEach(async () => {
  files = await writeFiles((await openFolder(directory, "key")) ?? "", "sluice-1", "{}");
  output = join(files, "out.ndjson");
});
afterAll(() => rm(directory, { recursive: true }));

test("the folder is its owner's alone; what is in it anybody may read, and one file write to", async () => {
  const modes = [join(directory, ".sluice/containers"), join(files, "event.json"), output].map(
    async (path) => (await stat(path)).mode & 0o777,
  );
  expect(await Promise.all(modes)).toEqual([0o700, 0o444, 0o666]);
});

test("a folder that is a link is not used", async () => {
  const other = join(directory, "other");
  await mkdir(join(other, ".sluice"), { recursive: true });
  await symlink(directory, join(other, ".sluice/containers"));
  expect(await openFolder(other, "key")).toBe(
    join(tmpdir(), `sluice-containers-${process.getuid?.()}`, "key"),
  );
});

test("what was emitted is read", async () => {
  await writeFile(output, "{}");
  expect((await readOutput(files)).toString()).toBe("{}");
});

test.each<[string, () => Promise<void>]>([
  ["is gone", async () => undefined],
  ["is a link", () => symlink("event.json", output)],
  ["is a pipe", async () => void execFileSync("mkfifo", [output])],
  ["is a folder", () => mkdir(output)],
])("what %s says nothing of what was emitted", async (_, replace) => {
  await rm(output);
  await replace();
  await expect(readOutput(files)).rejects.toMatchObject({ code: "JOB_LOST" });
});

test("too much is not read", async () => {
  await truncate(output, LARGEST_OUTPUT + 1);
  await expect(readOutput(files)).rejects.toMatchObject({ code: "INVALID_EVENT" });
});

test.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
  "nothing of an event stays on a disk that is full",
  async () => {
    const folder = (await openFolder(directory, "full")) ?? "";
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", folder]);
    try {
      await expect(writeFiles(folder, "sluice-1", "x".repeat(100_000))).rejects.toMatchObject({
        code: "ENOSPC",
      });
      expect(await readdir(folder)).toEqual([]);
    } finally {
      execFileSync("umount", [folder]);
    }
  },
);

test("files are removed once their container is, and are long enough without one", async () => {
  const folder = join(files, "..");
  const later = Date.now() + 3_700_000;
  await sweepFiles(folder, new Set(["sluice-1"]), later);
  await sweepFiles(folder, new Set(), Date.now());
  expect(await readdir(folder)).toContain(files.slice(folder.length + 1));
  await sweepFiles(folder, new Set(["sluice-2"]), later);
  expect(await readdir(folder)).toEqual([]);
});
