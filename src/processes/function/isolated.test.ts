import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Process } from "../../model/component.ts";
import { isPermanentError, isRetryAfter, SluiceError } from "../../model/errors.ts";
import { silentLogger } from "../../model/logger.ts";
import { createRunContext } from "../../testing/context.ts";
import { realClock } from "../../testing/real-clock.ts";
import { Orchestrator } from "../../index.ts";
import { functionProcess } from "./index.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-thread-"));
  await writeFile(join(directory, "package.json"), `{"type":"module"}`);
  const model = new URL("../../model/errors.ts", import.meta.url).href;
  await writeFile(
    join(directory, "work.ts"),
    `import { threadId } from "node:worker_threads";
     import { PermanentError, RetryAfter } from ${JSON.stringify(model)};
     let calls = 0;
     export function thread() { return { name: "t", status: "success", logs: [String(threadId), String(++calls)] }; }
     export async function talk(event, context) {
       context.log("saw " + event.data);
       context.log("loudly", "stderr");
       context.progress(1, 2, "half");
       context.emit({ id: "held", data: { run: context.run.id, attempt: context.attempt, fence: context.fence } });
       const receipt = await context.emit({ id: "now" }, { now: true, key: "k" });
       return { name: "talk", status: "success", logs: [receipt.uid] };
     }
     export function never() { throw new PermanentError("no such customer", { code: "NO_CUSTOMER", pauseProcess: true }); }
     export function later() { throw new RetryAfter("busy", { delay: 1234 }); }
     export function wrong() { throw new TypeError("negative"); }
     export function loop(_, { log }) { log("looping"); for (;;); }
     export function exit() { process.exit(3); }
     export function leak() { const kept = []; for (;;) kept.push(new Array(100_000).fill({}).map(() => ({}))); }
     export function reject() { Promise.reject(new Error("nobody waits for this")); return new Promise(() => {}); }
     export function patient(_, { signal, log }) {
       log("listening");
       return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("left by itself: " + signal.reason.code))));
     }
     export function invalid(_, context) { context.emit({ operation: "explode" }); }
     export function uncopied(_, context) { context.emit({ data: () => 1 }); }
     export function answersFunction() { return () => 1; }
     export function flood(_, context) { for (let i = 0; i < 100_000; i++) context.log("x".repeat(1_000)); }`,
  );
  await writeFile(join(directory, "hangs.ts"), "for (;;);");
  await writeFile(join(directory, "leaves.ts"), "globalThis.wasHere = true; process.exit(7);");
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A thread may take its time to be up on a busy machine. */
const PATIENT = { timeout: 20_000 };

const made: Process[] = [];
afterEach(async () => {
  for (const process of made.splice(0)) await process.close?.();
});

function make(name: string, options: { memory?: string; killAfter?: string } = {}): Process {
  const given = { module: "./work.ts", export: name, isolate: "thread", ...options } as const;
  const process = functionProcess.create(name, given, { directory });
  made.push(process);
  return process;
}

async function run(process: Process, data: unknown = null) {
  const context = createRunContext({ event: { data }, clock: realClock });
  const outcome = Promise.resolve(process.run(context.event, context));
  return { context, outcome };
}

describe("a function in a thread of its own", () => {
  test("has the event and the whole context, and its answer comes after all that it emitted and logged", async () => {
    const { context, outcome } = await run(make("talk"), "this");
    const { uid } = context.event;
    expect(await outcome).toMatchObject({ name: "talk", status: "success", logs: [expect.any(String)] });
    expect(context.lines).toEqual([
      { stream: "log", text: "saw this" },
      { stream: "stderr", text: "loudly" },
      { stream: "progress", text: "1/2 half" },
    ]);
    expect(context.emitted).toMatchObject([
      { id: "held", data: { run: context.run.id, attempt: context.attempt, fence: context.fence } },
      { id: "now" },
    ]);
    expect(context.run.id).toContain(uid);
  });

  test("runs in a thread that is not the main one, and keeps the module between attempts", async () => {
    const process = make("thread");
    const first = await (await run(process)).outcome;
    const second = await (await run(process)).outcome;
    expect(first).toMatchObject({ logs: [expect.not.stringMatching(/^0$/), "1"] });
    expect(second).toMatchObject({ logs: [(first as { logs: readonly string[] }).logs[0], "2"] });
  });

  test("tells the engine what it threw, as if there were no thread between them", async () => {
    const never = await (await run(make("never"))).outcome.catch((error: unknown) => error);
    expect(isPermanentError(never)).toBe(true);
    expect(never).toMatchObject({ code: "NO_CUSTOMER", message: "no such customer", pauseProcess: true });
    const later = await (await run(make("later"))).outcome.catch((error: unknown) => error);
    expect(isRetryAfter(later)).toBe(true);
    expect(later).toMatchObject({ delay: 1234 });
    const wrong = await (await run(make("wrong"))).outcome.catch((error: unknown) => error);
    expect(wrong).toMatchObject({
      name: "TypeError",
      message: "negative",
      stack: expect.stringMatching("work.ts"),
    });
  });

  test("is ended when it loops on after its signal, and the next attempt has a new thread", async () => {
    const process = make("loop", { killAfter: "10ms" });
    const { context, outcome } = await run(process);
    await expect.poll(() => context.lines, PATIENT).toHaveLength(1);
    context.abort(new SluiceError("TIMEOUT", "took too long"));
    await expect(outcome).rejects.toMatchObject({
      code: "TIMEOUT",
      message: expect.stringMatching(/^took too long; .*\(kill_after, 10 ms\)$/),
    });
    const second = await run(process);
    await expect.poll(() => second.context.lines, PATIENT).toHaveLength(1);
    second.context.abort(new SluiceError("CANCELLED", "by hand"));
    await expect(second.outcome).rejects.toMatchObject({ code: "CANCELLED" });
  });

  test("is not begun when its signal aborts before its thread is up", async () => {
    const { context, outcome } = await run(make("thread", { killAfter: "1h" }));
    context.abort(new SluiceError("SHUTDOWN", "stopping"));
    await expect(outcome).rejects.toMatchObject({ code: "SHUTDOWN" });
  });

  test("may end by itself when its signal aborts", async () => {
    const { context, outcome } = await run(make("patient", { killAfter: "1h" }));
    await expect.poll(() => context.lines, PATIENT).toHaveLength(1);
    context.abort(new SluiceError("TIMEOUT", "took too long"));
    await expect(outcome).rejects.toThrow("left by itself: TIMEOUT");
  });

  test("is checked in a thread, too: what stands outside of its functions never runs in the host", async () => {
    const given = { module: "./leaves.ts", isolate: "thread" } as const;
    await expect(functionProcess.check?.(given, { directory })).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: expect.stringContaining("ended with code 7"),
    });
    expect(globalThis).not.toHaveProperty("wasHere");
    const nothing = { module: "./work.ts", export: "nothing", isolate: "thread" } as const;
    await expect(functionProcess.check?.(nothing, { directory })).rejects.toMatchObject({
      code: "MODULE_NOT_FOUND",
    });
    await functionProcess.check?.({ ...nothing, export: "wrong" }, { directory });
  });

  test("costs its own attempt only when it exits, or forgets a promise that rejects", async () => {
    await expect((await run(make("exit"))).outcome).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: expect.stringContaining("ended with code 3"),
    });
    await expect((await run(make("reject"))).outcome).rejects.toThrow("nobody waits for this");
  });

  test("fails as out of memory when its heap is full", async () => {
    await expect((await run(make("leak", { memory: "32MiB" }))).outcome).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
      message: expect.stringContaining("32 MiB"),
    });
  });

  test("fails when it emits what is no event, or what cannot be copied", async () => {
    const refusing = createRunContext({ clock: realClock });
    const emit = () => {
      throw new SluiceError("INVALID_OPERATION", "no such operation");
    };
    const process = make("invalid");
    await expect(process.run(refusing.event, { ...refusing, emit })).rejects.toMatchObject({
      code: "INVALID_OPERATION",
    });
    await expect((await run(make("uncopied"))).outcome).rejects.toThrow("could not be cloned");
    await expect((await run(make("answersFunction"))).outcome).rejects.toThrow("could not be cloned");
  });

  test("sends no more log than will be kept, or little more", async () => {
    const { context, outcome } = await run(make("flood"));
    await outcome;
    expect(context.lines.length).toBeLessThan(2_100);
  });

  test("says at its opening that its export is missing", async () => {
    const owner = { pipeline: "p", journalId: "j", epoch: 1, log: silentLogger };
    await expect(make("wrk").open?.(owner)).rejects.toMatchObject({
      code: "MODULE_NOT_FOUND",
      message: expect.stringContaining("no export"),
    });
    await expect(make("talk").open?.(owner)).resolves.toBeUndefined();
  });

  test("takes limits of a thread only with a thread", () => {
    expect(() => functionProcess({ name: "f", module: "./work.ts", memory: "1GB" })).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTIONS",
        message: expect.stringContaining('needs isolate = "thread"'),
      }),
    );
  });
});

test("a loop in a thread costs its own run, while the pipeline goes on", async () => {
  await using orchestrator = new Orchestrator({ journal: "memory:" });
  orchestrator.addInput({ name: "source", handle: async () => {} });
  const options = { module: join(directory, "work.ts"), isolate: "thread", killAfter: "10ms" } as const;
  const retry = { attempts: 1 };
  orchestrator.addProcess(
    functionProcess({ name: "loop", export: "loop", timeout: "300ms", retry, ...options }),
  );
  let done = 0;
  orchestrator.addProcess({ name: "count", run: () => void done++ });
  orchestrator.addLink("source", "loop", { operations: ["delete"] });
  orchestrator.addLink("source", "count");
  await orchestrator.start();
  const { uid } = await orchestrator.emit("source", { operation: "delete" });
  for (let index = 0; index < 20; index++) {
    const receipt = await orchestrator.emit("source", { operation: "create" });
    await orchestrator.settled(receipt.uid);
  }
  expect(done).toBeGreaterThanOrEqual(20);
  const runs = await orchestrator.settled(uid);
  expect(runs.find((run) => run.process === "loop")).toMatchObject({
    state: "dead",
    error: { code: "TIMEOUT" },
  });
});
