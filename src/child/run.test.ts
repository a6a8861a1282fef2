import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SluiceError } from "../model/errors.ts";
import { createSignal } from "../testing/signal.ts";
import { realClock } from "../testing/real-clock.ts";
import { runChild, type ChildExit, type ChildOptions } from "./run.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-child-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const stopped = new SluiceError("CANCELLED", "stopped");

interface Ran {
  readonly exit: Promise<ChildExit>;
  readonly lines: string[];
  /** Resolves with the first line that begins so. */
  line(start: string): Promise<string>;
}

function run(argv: readonly string[], more: Partial<ChildOptions> = {}): Ran {
  const lines: string[] = [];
  const waiting = new Map<string, ReturnType<typeof createSignal<string>>>();
  const exit = runChild({
    argv,
    directory,
    env: { PATH: process.env["PATH"] ?? "" },
    input: "",
    signal: new AbortController().signal,
    killAfter: 5_000,
    clock: realClock,
    longestLine: 1_000,
    onLine(line, stream) {
      lines.push(`${stream}: ${line}`);
      for (const [start, signal] of waiting) if (line.startsWith(start)) signal.set(line);
    },
    ...more,
  });
  exit.catch((error: unknown) => {
    for (const signal of waiting.values()) signal.fail(error);
  });
  return {
    exit,
    lines,
    line(start) {
      const signal = createSignal<string>();
      waiting.set(start, signal);
      return signal.wait();
    },
  };
}

const shell = (script: string, more?: Partial<ChildOptions>): Ran => run(["/bin/sh", "-c", script], more);

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process is gone, or soon will be: the kernel may take a moment. */
async function goes(pid: number): Promise<boolean> {
  const deadline = Date.now() + 3_000;
  while (Date.now() < deadline) {
    const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "gone) Z");
    if (!lives(pid) || state.slice(state.lastIndexOf(")")).startsWith(") Z")) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

describe("a child", () => {
  test("gets its arguments as they are: no shell reads them", async () => {
    const evil = ["$(rm -rf /)", "`id`", "; exit 3", "&& false", "*", "$HOME", "a b", "", "'", '"', "\n"];
    const child = run([process.execPath, "-p", "JSON.stringify(process.argv.slice(1))", "--", ...evil]);
    expect((await child.exit).code).toBe(0);
    expect(child.lines).toEqual([`stdout: ${JSON.stringify(evil)}`]);
  });

  test("gets the environment that it is given, and no other", async () => {
    const child = run(["/usr/bin/env"], { env: { A: "$(id)", SLUICE_RUN: "r" } });
    await child.exit;
    expect(child.lines.toSorted()).toEqual(["stdout: A=$(id)", "stdout: SLUICE_RUN=r"]);
  });

  test("runs in its directory", async () => {
    const child = run(["pwd"]);
    await child.exit;
    expect(child.lines[0]).toContain(directory);
  });

  test("gets two megabytes on its standard input", async () => {
    const input = JSON.stringify({ data: "ä".repeat(1_000_000) });
    const child = run(["wc", "-c"], { input });
    expect((await child.exit).code).toBe(0);
    expect(child.lines).toEqual([`stdout: ${Buffer.byteLength(input)}`]);
  });

  test("may leave its input unread", async () => {
    const child = run(["true"], { input: "x".repeat(2_000_000) });
    expect(await child.exit).toEqual({ code: 0, signal: null, leftovers: false });
  });

  test("says how it ended: a code, or a signal", async () => {
    expect(await shell("exit 3").exit).toMatchObject({ code: 3, signal: null });
    expect(await shell("kill -SEGV $$").exit).toMatchObject({ code: null, signal: "SIGSEGV" });
  });

  test("has both outputs read, to the last byte before it ended", async () => {
    const child = shell(
      `echo a; echo b >&2; i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; printf end`,
    );
    await child.exit;
    expect(child.lines).toContain("stderr: b");
    expect(child.lines.filter((line) => line !== "stderr: b")).toHaveLength(5_002);
    expect(child.lines.at(-1)).toBe("stdout: end");
  });
});

describe("a child that cannot be run", () => {
  test.each([
    ["nothing-of-that-name", /was not found/],
    ["/nowhere/at/all", /there is no "\/nowhere\/at\/all"/],
    ["", /cannot run ""/],
  ])("is final: %j", async (command, message) => {
    const error = await run([command]).exit.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "PermanentError", code: "COMMAND_NOT_FOUND" });
    expect(error).toHaveProperty("message", expect.stringMatching(message));
  });

  test("is final when it is no program, or a directory is missing, and the message says which", async () => {
    const file = join(directory, "plain.txt");
    await writeFile(file, "no program", { mode: 0o644 });
    await expect(run([file]).exit).rejects.toMatchObject({
      message: expect.stringContaining("may not be executed"),
    });
    await expect(run(["true"], { directory: join(directory, "missing") }).exit).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
      message: expect.stringContaining("the working directory"),
    });
    await expect(run(["echo", "a\0b"]).exit).rejects.toMatchObject({ code: "COMMAND_NOT_FOUND" });
  });
});

describe("a child whose signal aborts", () => {
  test("gets SIGTERM, with its whole group", async () => {
    const controller = new AbortController();
    const child = shell(`sleep 60 & echo pid $!; wait`, { signal: controller.signal });
    const grandchild = Number((await child.line("pid")).slice(4));
    controller.abort(stopped);
    expect(await child.exit).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(await goes(grandchild)).toBe(true);
  });

  test("may end in order", async () => {
    const controller = new AbortController();
    const child = shell(`trap 'echo cleaned; exit 7' TERM; echo ready; while :; do sleep 0.01; done`, {
      signal: controller.signal,
    });
    await child.line("ready");
    controller.abort(stopped);
    expect(await child.exit).toMatchObject({ code: 7 });
    expect(child.lines).toContain("stdout: cleaned");
  });

  test("gets SIGKILL if it ignores SIGTERM, with its whole group", async () => {
    const controller = new AbortController();
    const child = shell(`trap '' TERM; sleep 60 & echo pid $!; while :; do sleep 0.05; done`, {
      signal: controller.signal,
      killAfter: 100,
    });
    const grandchild = Number((await child.line("pid")).slice(4));
    controller.abort(stopped);
    expect(await child.exit).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(await goes(grandchild)).toBe(true);
  });

  test("has a second at most when the whole pipeline stops", async () => {
    const controller = new AbortController();
    const child = shell(`trap '' TERM; echo ready; while :; do sleep 0.05; done`, {
      signal: controller.signal,
      killAfter: 60_000,
    });
    await child.line("ready");
    const begun = Date.now();
    controller.abort(new SluiceError("SHUTDOWN", "the pipeline stops"));
    expect(await child.exit).toMatchObject({ signal: "SIGKILL" });
    expect(Date.now() - begun).toBeLessThan(5_000);
  });

  test("is ended even if it aborted before it began", async () => {
    expect(await run(["sleep", "60"], { signal: AbortSignal.abort(stopped) }).exit).toMatchObject({
      signal: "SIGTERM",
    });
  });

  test("is ended when it writes without end", async () => {
    const controller = new AbortController();
    const child = run(["yes", "x".repeat(5_000)], { signal: controller.signal });
    await child.line("x");
    controller.abort(stopped);
    expect(await child.exit).toMatchObject({ signal: "SIGTERM" });
    expect(child.lines[0]).toBe(`stdout: ${"x".repeat(1_000)}… (4000 more characters)`);
  });
});

describe("what a child leaves behind", () => {
  test("is ended when it holds the pipes, and does not hold up the run", async () => {
    const child = shell(`sleep 60 & echo pid $!`);
    const grandchild = Number((await child.line("pid")).slice(4));
    expect(await child.exit).toEqual({ code: 0, signal: null, leftovers: true });
    expect(await goes(grandchild)).toBe(true);
  });

  test("is ended when it ignores SIGTERM", async () => {
    const child = shell(
      `(trap '' TERM; echo pid $(sh -c 'echo $PPID'); : > trapped; while :; do sleep 0.05; done) &
       while [ ! -e trapped ]; do sleep 0.01; done`,
      { killAfter: 50 },
    );
    const grandchild = Number((await child.line("pid")).slice(4));
    expect(await child.exit).toMatchObject({ code: 0, leftovers: true });
    expect(await goes(grandchild)).toBe(true);
  });

  test("does not hold up the run when it has left the group and keeps the pipes", async () => {
    const child = shell(
      `setsid --fork sh -c 'echo pid $$; : > escaped; exec sleep 60'; while [ ! -e escaped ]; do sleep 0.01; done`,
    );
    const escaped = Number((await child.line("pid")).slice(4));
    expect(await child.exit).toMatchObject({ code: 0 });
    process.kill(escaped, "SIGKILL");
  });

  test("is ended with this process, when it exits at once", async () => {
    const script = `
      import { runChild } from ${JSON.stringify(new URL("run.ts", import.meta.url).href)};
      import { realClock } from ${JSON.stringify(new URL("../testing/real-clock.ts", import.meta.url).href)};
      const signal = new AbortController().signal;
      runChild({ argv: ["sh", "-c", "echo $$; exec sleep 60"], directory: "/", env: { PATH: process.env.PATH }, input: "",
        signal, killAfter: 1000, clock: realClock, longestLine: 100,
        onLine: (line) => { process.stdout.write(line, () => process.exit(1)); } });`;
    const host = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [bytes] = (await once(host.stdout, "data")) as [Buffer];
    expect(await goes(Number(bytes.toString()))).toBe(true);
  });
});
