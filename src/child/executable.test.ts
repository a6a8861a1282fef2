import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findExecutable } from "./executable.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-executable-"));
  await mkdir(join(directory, "bin", "folder"), { recursive: true });
  await writeFile(join(directory, "bin", "tool"), "#!/bin/sh\n");
  await chmod(join(directory, "bin", "tool"), 0o755);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("a program is found in PATH, or by its path from the working directory", () => {
  const tool = join(directory, "bin", "tool");
  expect(findExecutable("tool", "/", `/nowhere:${join(directory, "bin")}`)).toBe(tool);
  expect(findExecutable("./bin/tool", directory, "")).toBe(tool);
  expect(findExecutable(tool, "/", "")).toBe(tool);
});

test("a file that may not be executed is told apart from one that is not there", async () => {
  const script = join(directory, "bin", "script");
  await writeFile(script, "#!/bin/sh\n");
  expect(() => findExecutable("./bin/script", directory, "")).toThrow(
    expect.objectContaining({
      code: "COMMAND_NOT_FOUND",
      message: expect.stringContaining(`chmod +x "${script}"`),
    }),
  );
});

test.each(["missing", "folder", "./tool"])(
  "%s is no program, and the message says where it was looked for",
  (command) => {
    expect(() => findExecutable(command, directory, join(directory, "bin"))).toThrow(
      expect.objectContaining({ code: "COMMAND_NOT_FOUND", message: expect.stringContaining(directory) }),
    );
  },
);
