import { describe, expect, test } from "vitest";
import type { EventInit } from "../../src/model/event.ts";
import type { RunContext } from "../../src/model/component.ts";
import { createSignal, type Signal } from "../../src/testing/signal.ts";
import { createTestPipeline, errorOf, throwWhenAborted, untilAborted } from "../support/engine.ts";

test("an attempt past its time-out is aborted with TIMEOUT and tried again", async () => {
  await using pipeline = createTestPipeline();
  const reasons: unknown[] = [];
  const deadlines: (number | undefined)[] = [];
  pipeline.orchestrator.addProcess(
    {
      name: "slow",
      async run(_, { signal, attempt, deadline }) {
        deadlines.push(deadline);
        if (attempt > 1) return;
        await untilAborted(signal);
        reasons.push(signal.reason);
        throw new Error("the request was aborted");
      },
    },
    { timeout: "5s", retry: { initial: 0 } },
  );
  pipeline.orchestrator.addLink("source", "slow");
  await pipeline.orchestrator.start();
  const uid = await pipeline.emit();
  await pipeline.clock.advance(4_999);
  expect(reasons).toEqual([]);
  await pipeline.clock.advance(1);
  const [run] = await pipeline.orchestrator.settled(uid);
  expect(reasons).toMatchObject([{ code: "TIMEOUT" }]);
  expect(run).toMatchObject({ state: "succeeded", attempts: 2 });
  const [first] = await pipeline.orchestrator.history.attempts(`${uid}/slow`);
  expect(first).toMatchObject({
    outcome: "failed",
    error: { code: "TIMEOUT", message: expect.stringContaining("5000 ms") },
  });
  const start = Date.parse("2026-01-01T00:00:00Z");
  expect(deadlines).toEqual([start + 5_000, start + 10_000]);
});

test("an attempt that succeeds although it was aborted has succeeded", async () => {
  await using pipeline = createTestPipeline();
  pipeline.orchestrator.addProcess(
    { name: "stubborn", run: (_, { signal }) => untilAborted(signal) },
    { timeout: "5s" },
  );
  pipeline.orchestrator.addLink("source", "stubborn");
  await pipeline.orchestrator.start();
  const uid = await pipeline.emit();
  await pipeline.clock.advance(5_000);
  expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
});

test("an attempt that ends in time leaves no timer behind", async () => {
  await using pipeline = createTestPipeline();
  pipeline.orchestrator.addProcess({ name: "quick", run: () => undefined }, { timeout: "5s" });
  pipeline.orchestrator.addLink("source", "quick");
  await pipeline.orchestrator.start();
  const before = pipeline.clock.timers;
  await pipeline.orchestrator.settled(await pipeline.emit());
  expect(pipeline.clock.timers).toBe(before);
});

describe("an attempt that ignores its signal past the grace time", () => {
  /** The first attempt hangs until `release`, whatever its signal says; later ones succeed. */
  function createHanging(order: "none" | "key") {
    const pipeline = createTestPipeline();
    const release: Signal<"succeed" | "fail"> = createSignal();
    const contexts: RunContext[] = [];
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      {
        name: "hangs",
        async run(event, context) {
          begun.push(event.id);
          if (contexts.push(context) > 1) return;
          if ((await release.wait()) === "fail") throw new Error("too late");
        },
      },
      { timeout: "5s", grace: "2s", concurrency: 1, order, retry: { initial: 0 } },
    );
    pipeline.orchestrator.addLink("source", "hangs");
    return { ...pipeline, release, contexts, begun };
  }

  test("is abandoned: its slot is freed, it is counted, and its run is tried again", async () => {
    await using pipeline = createHanging("none");
    await pipeline.orchestrator.start();
    const first = await pipeline.emit({ id: "1" });
    const second = await pipeline.emit({ id: "2" });
    await pipeline.clock.advance(6_999);
    expect(pipeline.begun).toEqual(["1"]);
    expect(await pipeline.orchestrator.processes()).toMatchObject([{ running: 1, abandoned: 0 }]);
    await pipeline.clock.advance(1);
    expect(await pipeline.orchestrator.settled(first)).toMatchObject([{ state: "succeeded", attempts: 2 }]);
    expect(await pipeline.orchestrator.settled(second)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
    expect(await pipeline.orchestrator.processes()).toMatchObject([{ running: 0, abandoned: 1 }]);
    const [attempt] = await pipeline.orchestrator.history.attempts(`${first}/hangs`);
    expect(attempt).toMatchObject({ outcome: "abandoned", error: { code: "ABANDONED" } });
    expect(pipeline.errors).toMatchObject([{ code: "ABANDONED", details: { run: `${first}/hangs` } }]);

    pipeline.release.set("succeed");
    await pipeline.turn();
    expect(await pipeline.orchestrator.processes()).toMatchObject([{ running: 0, abandoned: 0 }]);
    expect(await pipeline.orchestrator.history.run(`${first}/hangs`)).toMatchObject({ attempts: 2 });
  });

  test("keeps its key even when its process is removed and added anew", async () => {
    await using pipeline = createHanging("key");
    const { orchestrator, clock } = pipeline;
    await orchestrator.start();
    const uid = await pipeline.emit({ id: "1" });
    await clock.advance(7_000);
    await orchestrator.removeProcess("hangs", { open: "cancel" });
    const begun: string[] = [];
    orchestrator.addProcess({ name: "hangs", run: ({ id }) => void begun.push(id) }, { order: "key" });
    await orchestrator.replay([`${uid}/hangs`]);
    await pipeline.turn();
    expect(begun).toEqual([]);
    pipeline.release.set("succeed");
    await orchestrator.settled(uid);
    expect(begun).toEqual(["1"]);
  });

  test("has what it still emits, logs and answers refused", async () => {
    await using pipeline = createHanging("none");
    const received: EventInit[] = [];
    pipeline.orchestrator.addProcess({ name: "after", run: (event) => void received.push(event) });
    pipeline.orchestrator.addLink("hangs", "after");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.clock.advance(7_000);
    const [abandoned] = pipeline.contexts as [RunContext];
    expect(await errorOf(() => abandoned.emit({ id: "late" }))).toMatchObject({ code: "ABANDONED" });
    expect(await errorOf(() => abandoned.emit({ id: "late" }, { now: true, key: "k" }))).toMatchObject({
      code: "ABANDONED",
    });
    abandoned.log("late");
    abandoned.progress(1, 2);
    pipeline.release.set("fail");
    await pipeline.turn();
    expect((await pipeline.orchestrator.history.logs(`${uid}/hangs`)).items).toEqual([]);
    expect(await pipeline.orchestrator.history.run(`${uid}/hangs`)).toMatchObject({ state: "succeeded" });
    expect(received).toEqual([]);
  });

  test.each(["succeed", "fail"] as const)(
    "keeps its key waiting until it really ends, under order by key (it will %s)",
    async (end) => {
      await using pipeline = createHanging("key");
      await pipeline.orchestrator.start();
      const first = await pipeline.emit({ id: "1", key: "a" });
      const next = await pipeline.emit({ id: "2", key: "a" });
      const other = await pipeline.emit({ id: "3", key: "b" });
      await pipeline.clock.advance(7_000);
      expect(await pipeline.orchestrator.settled(other)).toMatchObject([{ state: "succeeded" }]);
      await pipeline.clock.advance(3_600_000);
      expect(pipeline.begun).toEqual(["1", "3"]);
      expect(await pipeline.orchestrator.processes()).toMatchObject([{ running: 0, abandoned: 1 }]);

      pipeline.release.set(end);
      await pipeline.clock.advance(0);
      expect(pipeline.begun).toEqual(["1", "3", "1", "2"]);
      expect(await pipeline.orchestrator.settled(first)).toMatchObject([{ state: "succeeded", attempts: 2 }]);
      expect(await pipeline.orchestrator.settled(next)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
    },
  );
});

test("an attempt that is over has what it still emits refused", async () => {
  await using pipeline = createTestPipeline();
  const contexts: RunContext[] = [];
  pipeline.orchestrator.addProcess({ name: "quick", run: (_, context) => void contexts.push(context) });
  pipeline.orchestrator.addLink("source", "quick");
  await pipeline.orchestrator.start();
  await pipeline.orchestrator.settled(await pipeline.emit());
  const [over] = contexts as [RunContext];
  expect(await errorOf(() => over.emit({}))).toMatchObject({ code: "STALE_FENCE" });
});

test("a process without a grace time of its own has the pipeline's", async () => {
  await using pipeline = createTestPipeline({ grace: "3s" });
  const { wait } = createSignal();
  pipeline.orchestrator.addProcess({ name: "hangs", run: () => wait() }, { timeout: "1s" });
  pipeline.orchestrator.addLink("source", "hangs");
  await pipeline.orchestrator.start();
  await pipeline.emit();
  await pipeline.clock.advance(3_999);
  expect(pipeline.errors).toEqual([]);
  await pipeline.clock.advance(1);
  expect(pipeline.errors).toMatchObject([{ code: "ABANDONED" }]);
});

test("a signal that is asked for only after the time-out is aborted already", async () => {
  await using pipeline = createTestPipeline();
  const go = createSignal();
  const seen: unknown[] = [];
  pipeline.orchestrator.addProcess(
    {
      name: "late",
      async run(_, context) {
        await go.wait();
        seen.push(context.signal.aborted);
        await throwWhenAborted(context.signal);
      },
    },
    { timeout: "1s", retry: { attempts: 1 } },
  );
  pipeline.orchestrator.addLink("source", "late");
  await pipeline.orchestrator.start();
  const uid = await pipeline.emit();
  await pipeline.clock.advance(1_000);
  go.set();
  expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
    { state: "dead", error: { code: "TIMEOUT" } },
  ]);
  expect(seen).toEqual([true]);
});
