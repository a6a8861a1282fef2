import { describe, expect, test } from "vitest";
import { PermanentError, RetryAfter, SluiceError } from "../../src/model/errors.ts";
import type { Process, ProcessSettings } from "../../src/model/component.ts";
import { createTestPipeline, type TestPipeline } from "../support/engine.ts";

interface Failing extends TestPipeline {
  /** Attempts so far, with when each began. */
  readonly begun: { attempt: number; at: number; fence: number; run: string }[];
}

/** A pipeline of one process, whose n-th attempt does what the n-th behaviour does; the last one goes on for ever. */
function createFailing(behaviours: (() => unknown)[], settings: ProcessSettings = {}): Failing {
  const pipeline = createTestPipeline();
  const begun: Failing["begun"] = [];
  pipeline.orchestrator.addProcess(
    {
      name: "work",
      run(_, { attempt, fence, run }) {
        begun.push({ attempt, at: pipeline.clock.monotonic(), fence, run: run.id });
        return (behaviours[Math.min(begun.length, behaviours.length) - 1] as () => void)();
      },
    },
    settings,
  );
  pipeline.orchestrator.addLink("source", "work");
  return { ...pipeline, begun };
}

function fail(error: unknown): () => never {
  return () => {
    throw error;
  };
}

describe("a failed attempt", () => {
  test("is tried again after a delay within its bound, under the same run id and a higher fence", async () => {
    await using pipeline = createFailing(
      [fail(new Error("first")), fail(new Error("second")), () => undefined],
      {
        retry: { initial: 1_000 },
      },
    );
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    const settled = pipeline.orchestrator.settled(uid);
    await pipeline.clock.advance(1_000);
    expect(pipeline.begun.length).toBeGreaterThanOrEqual(2);
    await pipeline.clock.advance(2_000);
    const [run] = await settled;
    expect(run).toMatchObject({ state: "succeeded", attempts: 3, error: null });
    expect(pipeline.begun.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(pipeline.begun.map((one) => one.run))).toEqual(new Set([`${uid}/work`]));
    const [first, second, third] = pipeline.begun.map((one) => one.fence) as [number, number, number];
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
  });

  test("leaves its run dead once there are no attempts left, with the last error kept", async () => {
    await using pipeline = createFailing([fail(new Error("one")), fail(new Error("two"))], {
      retry: { attempts: 2, initial: 10 },
    });
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.clock.advance(10);
    const [run] = await pipeline.orchestrator.settled(uid);
    expect(run).toMatchObject({ state: "dead", attempts: 2, error: { code: "RUN_FAILED", message: "two" } });
    const attempts = await pipeline.orchestrator.history.attempts(`${uid}/work`);
    expect(
      attempts.map(({ attempt, outcome, error }) => ({ attempt, outcome, said: error?.message })),
    ).toEqual([
      { attempt: 1, outcome: "failed", said: "one" },
      { attempt: 2, outcome: "failed", said: "two" },
    ]);
    expect(await pipeline.orchestrator.history.deadLetters()).toMatchObject([
      { process: "work", error: { code: "RUN_FAILED" }, count: 1, newest: { id: `${uid}/work` } },
    ]);
  });

  test("is not tried again before the time that it asked for, nor after", async () => {
    await using pipeline = createFailing([fail(new RetryAfter("busy", { delay: 60_000 })), () => undefined]);
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.clock.advance(59_999);
    expect(pipeline.begun).toHaveLength(1);
    await pipeline.clock.advance(1);
    expect(pipeline.begun).toHaveLength(2);
  });

  test("waits a day at most, whatever it asked for", async () => {
    await using pipeline = createFailing([fail(new RetryAfter("busy", { delay: 1e15 })), () => undefined]);
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    const run = await pipeline.orchestrator.history.run(`${uid}/work`);
    expect(run).toMatchObject({ state: "retrying", dueAt: "2026-01-02T00:00:00.000Z" });
    await pipeline.clock.advance(86_400_000);
    expect(pipeline.begun).toHaveLength(2);
  });

  test("that says never is the last", async () => {
    await using pipeline = createFailing([fail(new PermanentError("no such order", { code: "NO_ORDER" }))]);
    await pipeline.orchestrator.start();
    const [run] = await pipeline.orchestrator.settled(await pipeline.emit());
    expect(run).toMatchObject({
      state: "dead",
      attempts: 1,
      error: { code: "NO_ORDER", message: "no such order" },
    });
  });

  test("that asks for it pauses its process as well", async () => {
    await using pipeline = createFailing([fail(new PermanentError("gone", { pauseProcess: true }))]);
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.settled(await pipeline.emit());
    await pipeline.turn();
    expect(await pipeline.orchestrator.processes()).toMatchObject([{ name: "work", state: "paused" }]);
    await pipeline.emit();
    await pipeline.turn();
    expect(pipeline.begun).toHaveLength(1);
  });
});

describe("what a process may do to fail", () => {
  const unreadable = Object.defineProperty({}, "message", { get: fail(new Error("trap")) });

  test.each<[string, () => unknown, { code?: string; message: unknown }]>([
    ["throws at once", fail(new Error("at once")), { message: "at once" }],
    ["rejects", () => Promise.reject(new Error("later")), { message: "later" }],
    ["throws a text", fail("text"), { message: "text" }],
    ["throws undefined", fail(undefined), { message: "undefined" }],
    ["throws null", fail(null), { message: "null" }],
    ["throws a symbol", fail(Symbol("mark")), { message: "Symbol(mark)" }],
    ["throws an object without a prototype", fail(Object.create(null)), { message: expect.any(String) }],
    ["throws what cannot be read", fail(unreadable), { message: expect.any(String) }],
    [
      "throws an error with a code of its own",
      fail(new SluiceError("NETWORK", "down")),
      { code: "NETWORK", message: "down" },
    ],
    [
      "answers the status fail",
      async () => ({ name: "w", status: "fail", logs: ["bad row"] }),
      { message: expect.stringContaining("bad row") },
    ],
    [
      "answers the status fail without a word",
      () => ({ name: "w", status: "fail", logs: [] }),
      { message: expect.stringContaining("no reason") },
    ],
    [
      "answers a thenable that throws",
      () => ({ then: fail(new Error("not a promise")) }),
      { message: "not a promise" },
    ],
  ])(
    "a process that %s has failed, and nothing else",
    async (_, behaviour, { code = "RUN_FAILED", message }) => {
      await using pipeline = createFailing([behaviour], { retry: { attempts: 1 } });
      await pipeline.orchestrator.start();
      const [run] = await pipeline.orchestrator.settled(await pipeline.emit());
      expect(run).toMatchObject({ state: "dead", attempts: 1, error: { code, message } });
      expect(pipeline.errors).toEqual([]);
    },
  );

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a number", 42],
    ["rows of a database", [{ id: 1 }]],
    ["an object that looks a little like a status", { status: 200, logs: 7 }],
    ["an object with a then that is no function", { then: "later" }],
  ])("a process that answers %s has succeeded", async (_, answer) => {
    await using pipeline = createFailing([() => answer, () => Promise.resolve(answer)]);
    await pipeline.orchestrator.start();
    for (let i = 0; i < 2; i += 1) {
      const [run] = await pipeline.orchestrator.settled(await pipeline.emit());
      expect(run).toMatchObject({ state: "succeeded", attempts: 1 });
    }
  });

  test("what a status logs is kept in the run's log", async () => {
    await using pipeline = createFailing([() => ({ name: "w", status: "success", logs: ["one", "two"] })]);
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.orchestrator.settled(uid);
    const { items } = await pipeline.orchestrator.history.logs(`${uid}/work`);
    expect(items.map(({ text, attempt, stream }) => ({ text, attempt, stream }))).toEqual([
      { text: "one", attempt: 1, stream: "log" },
      { text: "two", attempt: 1, stream: "log" },
    ]);
  });
});

test("a process that cannot be opened is opened again until it can, and its runs wait for that", async () => {
  await using pipeline = createTestPipeline();
  let opened = 0;
  const begun: number[] = [];
  const process: Process = {
    name: "work",
    async open() {
      opened += 1;
      if (opened < 3) throw new Error("not yet");
    },
    run: () => void begun.push(opened),
  };
  pipeline.orchestrator.addProcess(process);
  pipeline.orchestrator.addLink("source", "work");
  await pipeline.orchestrator.start();
  await pipeline.emit();
  await pipeline.turn();
  expect(begun).toEqual([]);
  await pipeline.clock.advance(1_500);
  expect(begun).toEqual([3]);
  expect(pipeline.errors.map((error) => error.message)).toEqual([
    expect.stringContaining("not yet"),
    expect.stringContaining("not yet"),
  ]);
});

test("a process that cannot be opened says so, begins nothing, and goes on once it can", async () => {
  let isBroken = true;
  const secret = (text: string): string => text.replaceAll("hunter2", "***");
  await using pipeline = createTestPipeline({ redact: secret });
  const { orchestrator, clock } = pipeline;
  let runs = 0;
  orchestrator.addProcess({
    name: "work",
    async open() {
      if (isBroken) throw new Error("no module for hunter2");
    },
    run: () => void (runs += 1),
  });
  orchestrator.addLink("source", "work");
  await orchestrator.start();
  await pipeline.emit();
  await clock.advance(60_000);
  const lastError = { code: "RUN_FAILED", message: "no module for ***" };
  expect(await orchestrator.processes()).toMatchObject([
    { name: "work", state: "backing off", lastError, running: 0, runs: { queued: 1 } },
  ]);
  expect(runs).toBe(0);
  isBroken = false;
  await clock.advance(60_000);
  expect(await orchestrator.processes()).toMatchObject([
    { name: "work", state: "running", lastError, runs: { succeeded: 1 } },
  ]);
});
