import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import { silentLogger } from "../model/logger.ts";
import { createRunContext, type TestRunContext } from "../testing/context.ts";
import { realClock } from "../testing/real-clock.ts";
import { commandProcess, type CommandProcessOptions } from "./command.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-command-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const node = (script: string): string[] => [process.execPath, "-e", script];
const shell = (script: string): string[] => ["/bin/sh", "-c", script];

function contextOf(event: EventInit = { id: "1" }, more: object = {}): TestRunContext {
  return createRunContext({ event, clock: realClock, ...more });
}

async function run(options: CommandProcessOptions, context = contextOf()): Promise<string[]> {
  await commandProcess({ name: "convert", cwd: directory, ...options }).run(context.event, context);
  return context.lines.map(({ stream, text }) => `${stream}: ${text}`);
}

describe("a command process", () => {
  test("finds the event as JSON on its standard input, and its name in the environment", async () => {
    const context = contextOf(
      { location: "a", id: "$(rm -rf ~)", data: { x: "ä`id`" } },
      { attempt: 3, fence: 12 },
    );
    const lines = await run(
      {
        argv: node(`process.stdin.pipe(process.stdout); process.stdin.on("end", () => {
      const { SLUICE_RUN, SLUICE_ATTEMPT, SLUICE_FENCE, SLUICE_EVENT_UID, TRACEPARENT, SLUICE_JOURNAL } = process.env;
      console.log("\\n" + [SLUICE_RUN, SLUICE_ATTEMPT, SLUICE_FENCE, SLUICE_EVENT_UID, TRACEPARENT, SLUICE_JOURNAL]); })`),
      },
      context,
    );
    const { location, operation, id, trigger, uid, time, data } = context.event;
    expect(JSON.parse(lines[0]?.slice("stdout: ".length) ?? "")).toEqual({
      location,
      operation,
      id,
      trigger,
      uid,
      time,
      data,
    });
    expect(lines[1]).toBe(
      `stdout: ${[context.run.id, 3, 12, context.event.uid, context.traceparent, context.journalId].join(",")}`,
    );
  });

  test("takes an event of two megabytes", async () => {
    const data = "x".repeat(2_000_000);
    const lines = await run({ argv: ["wc", "-c"] }, contextOf({ id: "1", data }));
    expect(Number(lines[0]?.slice("stdout: ".length))).toBeGreaterThan(2_000_000);
  });

  test("runs in the given folder, relative to that of the configuration", async () => {
    await writeFile(join(directory, "here.txt"), "found");
    const made = commandProcess.create("p", { ...defaults(["cat", "here.txt"]) }, { directory });
    const context = contextOf();
    await made.run(context.event, context);
    expect(context.lines).toEqual([{ stream: "stdout", text: "found" }]);
  });

  test("gets its own variables but not ours", async () => {
    process.env["SLUICE_TEST_SECRET"] = "hidden";
    const lines = await run({ argv: ["env"], env: { GREETING: "$(id)" } });
    delete process.env["SLUICE_TEST_SECRET"];
    expect(lines).toContain("stdout: GREETING=$(id)");
    expect(lines.join()).not.toContain("SLUICE_TEST_SECRET");
  });

  test("does not show the values of its variables", async () => {
    const env = { API_TOKEN: "tok-12345" };
    const context = contextOf();
    const error = await run(
      { argv: shell(`echo "got $API_TOKEN"; echo "bad $API_TOKEN" >&2; exit 1`), env },
      context,
    ).catch((thrown: Error) => thrown.message);
    expect(error).toContain("bad ***");
    expect(context.lines.map(({ text }) => text).toSorted()).toEqual(["bad ***", "got ***"]);
  });
});

describe("the exit of a command", () => {
  test("with a code fails, and the last lines of standard error say why", async () => {
    const script = shell(`i=0; while [ $i -lt 20 ]; do echo "step $i" >&2; i=$((i+1)); done; exit 9`);
    await expect(run({ argv: script })).rejects.toMatchObject({
      name: "SluiceError",
      code: "PROCESS_EXIT",
      message: `"/bin/sh" ended with exit code 9\nstep 15\nstep 16\nstep 17\nstep 18\nstep 19`,
      details: { exitCode: 9, signal: null },
    });
  });

  test("by a signal fails", async () => {
    await expect(run({ argv: shell("kill -KILL $$") })).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: `"/bin/sh" was ended by SIGKILL`,
    });
  });

  test("with a code that is said to be permanent is final", async () => {
    const options = { argv: shell("exit 65"), permanentExitCodes: [64, 65] };
    await expect(run(options)).rejects.toMatchObject({ name: "PermanentError", code: "PROCESS_EXIT" });
  });

  test("never came for a program that is not there: final", async () => {
    await expect(run({ argv: ["no-such-program"] })).rejects.toMatchObject({
      name: "PermanentError",
      code: "COMMAND_NOT_FOUND",
      message: `cannot run "no-such-program": "no-such-program" was not found; is it installed, and in PATH or given by its path?`,
    });
  });

  test("never came for a path that leads nowhere: the error says where it was looked for", async () => {
    await expect(run({ argv: ["./no-such-program"], cwd: tmpdir() })).rejects.toMatchObject({
      name: "PermanentError",
      code: "COMMAND_NOT_FOUND",
      message: `cannot run "./no-such-program": there is no ${JSON.stringify(join(tmpdir(), "no-such-program"))}; a relative path begins at the working directory`,
    });
  });

  test("never came for a script whose interpreter is not there: the error says so", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-"));
    const script = join(folder, "script");
    await writeFile(script, "#!/bin/sh\r\n", { mode: 0o755 });
    await expect(run({ argv: [script] })).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
      message: expect.stringContaining("what its first line (#!) names was not found"),
    });
    await rm(folder, { recursive: true });
  });
});

describe("the output of a command", () => {
  test("without end is cut, and does not stop the command", async () => {
    const lines = await run({ argv: shell("yes | head -n 200000; echo done >&2; exit 0") });
    expect(lines).toHaveLength(10_001);
    expect(lines.at(-1)).toMatch(/stdout: … the rest of the output was cut/);
  });

  test("in one endless line is cut", async () => {
    const lines = await run({ argv: shell("head -c 30000000 /dev/zero"), maxCharacters: 100_000 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.length).toBeLessThan(8_000);
  });

  test("that is binary is made harmless", async () => {
    const lines = await run({ argv: shell(`printf '\\377\\000\\033[2Jx\\n'`) });
    expect(lines).toEqual(["stdout: \ufffd\ufffd\ufffd[2Jx"]);
  });
});

describe("what a command emits", () => {
  const emitting = (output: "fd3" | "stdout", lines: readonly string[], more = ""): CommandProcessOptions => {
    const to = output === "fd3" ? ">&3" : "";
    return {
      output,
      argv: shell(`${lines.map((line) => `printf '%s\\n' '${line}' ${to}`).join("\n")}\n${more}`),
    };
  };

  test.each(["fd3", "stdout"] as const)("is what it wrote as JSON, a line each: by %s", async (output) => {
    const context = contextOf();
    const lines = await run(
      emitting(output, ['{"location":"a","operation":"create","id":1,"data":{"x":"ä"}}', "", '{"id":"2"}']),
      context,
    );
    expect(context.emitted).toEqual([
      { location: "a", operation: "create", id: 1, data: { x: "ä" } },
      { id: "2" },
    ]);
    expect(lines).toEqual([]);
  });

  test("may be without a last line feed, and is apart from what it logs", async () => {
    const context = contextOf();
    const lines = await run({ output: "fd3", argv: shell(`echo said; printf '{"id":"1"}' >&3`) }, context);
    expect(context.emitted).toEqual([{ id: "1" }]);
    expect(lines).toEqual(["stdout: said"]);
  });

  test("tells how far it is", async () => {
    const lines = await run(
      emitting("fd3", ['{"progress":0.5}', '{"progress":3,"total":10,"message":"third\\u001b[2J"}']),
    );
    expect(lines).toEqual(["progress: 0.5/1", "progress: 3/10 third\ufffd[2J"]);
  });

  test("is nothing when it failed", async () => {
    const context = contextOf();
    await expect(run(emitting("stdout", ['{"id":"1"}'], "exit 3"), context)).rejects.toMatchObject({
      code: "PROCESS_EXIT",
    });
    expect(context.emitted).toEqual([]);
  });

  test.each([
    ["done", "it is not JSON"],
    ["[1]", "it is not a JSON object"],
    ['{"a":1}', 'an event has no field "a"'],
    ['{"progress":2}', '"progress" is a number'],
    ['{"progress":"half"}', '"progress" is a number'],
    ['{"progress":0.5,"message":1}', '"progress" is a number .*, and "message" is text'],
  ])("is nothing when a line of it is wrong, which is final and names the line: %s", async (wrong, why) => {
    const context = contextOf();
    await expect(run(emitting("fd3", ['{"id":"1"}', wrong, "more"]), context)).rejects.toMatchObject({
      name: "PermanentError",
      code: "INVALID_EVENT",
      message: expect.stringMatching(`^line 2 of its output \\(file descriptor 3\\) is no event: ${why}`),
    });
    expect(context.emitted).toEqual([]);
  });

  test("is refused when it is not UTF-8, or endless", async () => {
    const options = { output: "stdout", argv: shell(`printf '{"id":"\\377"}\\n'`) } as const;
    await expect(run(options)).rejects.toThrow("line 1 of its standard output is no event: it is not UTF-8");
    await expect(run({ output: "stdout", argv: shell("head -c 20000000 /dev/zero") })).rejects.toThrow(
      "its standard output is larger than 16777216 bytes",
    );
  });

  test("loses nothing when it is much and the command ends at once", async () => {
    const context = contextOf();
    await run({ output: "stdout", argv: shell(`yes '{"id":"1"}' | head -n 100000`) }, context);
    expect(context.emitted).toHaveLength(100_000);
  });
});

describe("a command whose attempt must end", () => {
  test("is ended with all that it started, and fails with the reason", async () => {
    const context = contextOf();
    const running = run({ argv: shell("sleep 60 & sleep 60"), killAfter: 50 }, context);
    context.abort(new SluiceError("TIMEOUT", "too slow"));
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("fails even if it ends by itself with 0 then: what it did is not known to be done", async () => {
    const context = contextOf();
    const running = run(
      { argv: shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done") },
      context,
    );
    while (context.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    context.abort();
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("does not start once it aborted", async () => {
    const context = contextOf();
    context.abort();
    await expect(run({ argv: shell("echo started") }, context)).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(context.lines).toEqual([]);
  });

  test("says so when it left processes behind", async () => {
    const lines = await run({ argv: shell("sleep 60 & true") });
    expect(lines).toEqual(["log: the command left processes behind, which were ended"]);
  });
});

test.runIf(process.platform === "linux")(
  "opening a command process ends what an earlier epoch left",
  async () => {
    const context = contextOf({}, { fence: 2 ** 32 });
    const env = {
      PATH: process.env["PATH"],
      SLUICE_JOURNAL: `command-${process.pid}`,
      SLUICE_FENCE: String(context.fence),
    };
    const child = spawn("sleep", ["60"], { env });
    await once(child, "spawn");
    const exit = once(child, "exit");
    const warnings: object[] = [];
    const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const owner = { pipeline: "p", journalId: `command-${process.pid}`, log };
    const made = commandProcess({ name: "convert", argv: ["true"] });
    await made.open?.({ ...owner, epoch: 1 });
    expect(warnings).toEqual([]);
    await made.open?.({ ...owner, epoch: 2 });
    expect(await exit).toEqual([null, "SIGTERM"]);
    expect(warnings).toEqual([{ process: "convert", pids: [child.pid] }]);
  },
);

test.each([
  { argv: [] },
  { argv: [""] },
  { argv: "echo a" },
  { argv: ["echo", "a\0b"] },
  { argv: ["true"], env: { "A=B": "c" } },
  { argv: ["true"], pgoptions: false, killAfter: "soon" },
  { argv: ["true"], permanentExitCodes: [0] },
  { argv: ["true"], permanentExitCodes: [75] },
  { argv: ["true"], output: "file" },
  { argv: ["true"], user: "a b" },
  { argv: ["true"], user: "" },
  { argv: ["true"], limits: { memory: "much" } },
  { argv: ["true"], limits: { cpu: "soon" } },
  { argv: ["true"], limits: { processes: 0 } },
  { argv: ["true"], limits: { disk: "1GB" } },
  { argv: ["true"], shell: true },
])("the options %j are refused", (options) => {
  expect(() => commandProcess({ name: "p", ...options } as never)).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS" }),
  );
});

function defaults(argv: string[]) {
  return {
    argv,
    env: {},
    output: "none" as const,
    killAfter: "5s",
    permanentExitCodes: [],
    pgoptions: false,
    maxLines: 100,
    maxCharacters: 10_000,
  };
}
