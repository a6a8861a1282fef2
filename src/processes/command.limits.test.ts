import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkOptions } from "../model/kind.ts";
import { createRunContext } from "../testing/context.ts";
import { realClock } from "../testing/real-clock.ts";
import { commandProcess, type CommandProcessOptions } from "./command.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-command-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const shell = (script: string): string[] => ["/bin/sh", "-c", script];

async function run(options: CommandProcessOptions): Promise<string[]> {
  const context = createRunContext({ event: { id: "1" }, clock: realClock });
  await commandProcess({ name: "convert", cwd: directory, ...options }).run(context.event, context);
  return context.lines.map(({ stream, text }) => `${stream}: ${text}`);
}

async function check(options: CommandProcessOptions): Promise<void> {
  await commandProcess.check?.(checkOptions(commandProcess, options, "convert"), { directory });
}

describe.runIf(process.platform === "linux")("a command under limits", () => {
  test("gets them, each", async () => {
    const limits = { memory: "512MiB", cpu: "1500ms", processes: 5_000, files: 64 };
    const lines = await run({ argv: ["cat", "/proc/self/limits"], limits });
    const found = lines
      .map((line) => /^stdout: (Max [a-z ]+?)  +(\S+) +(\S+)/.exec(line)?.slice(1))
      .filter((row) => /(cpu time|processes|open files|address space)$/.test(row?.[0] ?? ""));
    expect(found).toEqual([
      ["Max cpu time", "2", "3"],
      ["Max processes", "5000", "5000"],
      ["Max open files", "64", "64"],
      ["Max address space", "536870912", "536870912"],
    ]);
  });

  test("is ended when it used its processor time, and the error says so", async () => {
    await expect(run({ argv: shell("while :; do :; done"), limits: { cpu: "1s" } })).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: expect.stringContaining("SIGXCPU: it used all the processor time of limits.cpu"),
    });
  });

  test("cannot take more memory", async () => {
    const script = shell("head -c 500000000 /dev/zero | tail -c 400000000 | wc -c; exit 0");
    const lines = await run({ argv: script, limits: { memory: "100MiB" } });
    expect(lines.join("\n")).toMatch(/memory exhausted|Cannot allocate memory/);
  });

  test("that is not there is told as without them", async () => {
    await expect(run({ argv: ["no-such-program"], limits: { files: 64 } })).rejects.toMatchObject({
      name: "PermanentError",
      code: "COMMAND_NOT_FOUND",
    });
  });

  test("fails for good where there is no prlimit, and says what to install", async () => {
    const path = process.env["PATH"];
    const limited = { argv: ["/bin/true"], limits: { files: 64 } };
    await expect(check(limited)).resolves.toBeUndefined();
    process.env["PATH"] = directory;
    try {
      const failed = { code: "MISSING_DEPENDENCY", message: expect.stringContaining("install util-linux") };
      await expect(run(limited)).rejects.toMatchObject({
        name: "PermanentError",
        ...failed,
      });
      await expect(check(limited)).rejects.toMatchObject(failed);
    } finally {
      process.env["PATH"] = path;
    }
  });
});

describe("the user of a command", () => {
  const isRoot = process.getuid?.() === 0;
  const identity = shell(`echo "$(id -u) $(id -g) $(id -G) $HOME $USER"`);

  test.runIf(isRoot).each([
    ["nobody", /^stdout: 65534 65534 65534 \S+ nobody$/],
    ["65534", /^stdout: 65534 65534 65534 \S+ nobody$/],
    ["nobody:root", /^stdout: 65534 0 0 \S+ nobody$/],
    ["54321:54322", /^stdout: 54321 54322 54322 {2}$/],
  ])("is who is named: %s", async (user, expected) => {
    const lines = await run({ argv: identity, user, cwd: "/" });
    expect(lines).toEqual([expect.stringMatching(expected)]);
  });

  test("must be there", async () => {
    await expect(run({ argv: identity, user: "no-such-user" })).rejects.toMatchObject({
      name: "PermanentError",
      code: "INVALID_OPTIONS",
      message: expect.stringContaining('there is no user "no-such-user" on this machine'),
    });
    await expect(run({ argv: identity, user: "0:no-such-group" })).rejects.toThrow(
      'there is no group "no-such-group"',
    );
  });

  test.runIf(isRoot)("can only be another for root", async () => {
    const module = JSON.stringify(new URL("../child/user.ts", import.meta.url).href);
    const script = `process.setgid(65534); process.setuid(65534);
      const { findUser } = await import(${module});
      try { findUser("root"); } catch (error) { console.log(error.code + " " + error.message); }
      console.log(findUser("nobody").uid);`;
    const lines = await run({ argv: [process.execPath, "--input-type=module", "-e", script] });
    expect(lines[0]).toMatch(/INVALID_OPTIONS cannot run as "root": only root may run a command as another/);
    expect(lines[1]).toBe("stdout: 65534");
  });
});
