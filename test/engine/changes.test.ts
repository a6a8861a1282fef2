import { describe, expect, test } from "vitest";
import { SluiceError } from "../../src/model/errors.ts";
import type { Event } from "../../src/model/event.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { createSignal } from "../../src/testing/signal.ts";
import {
  createHandledInput,
  createKeptJournal,
  createTestPipeline,
  errorOf,
  withWork,
} from "../support/engine.ts";

describe("while it runs", () => {
  test("components that are added take part at once", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    await orchestrator.start();
    const { input, lives } = createHandledInput("late");
    const received: string[] = [];
    orchestrator.addInput(input);
    orchestrator.addProcess({ name: "work", run: (event) => void received.push(event.id) });
    orchestrator.addLink("late", "work");
    await pipeline.turn();
    await lives[0]?.context.emit({ id: "1" });
    await orchestrator.idle();
    expect(received).toEqual(["1"]);
    expect(orchestrator.inputs()).toMatchObject([{ name: "source" }, { name: "late", state: "running" }]);
  });

  test("a name that is taken, and a link that closes a cycle, are refused and change nothing", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    orchestrator.addProcess({ name: "a", run: () => undefined });
    orchestrator.addProcess({ name: "b", run: () => undefined });
    orchestrator.addLink("source", "a");
    orchestrator.addLink("a", "b");
    await orchestrator.start();
    const graph = orchestrator.graph();
    expect(
      await errorOf(() => orchestrator.addInput({ name: "a", handle: async () => undefined })),
    ).toMatchObject({
      code: "DUPLICATE_NAME",
    });
    expect(
      await errorOf(() => orchestrator.addProcess({ name: "source", run: () => undefined })),
    ).toMatchObject({
      code: "DUPLICATE_NAME",
    });
    expect(await errorOf(() => orchestrator.addLink("b", "a"))).toMatchObject({ code: "CYCLE" });
    expect(
      await errorOf(() => orchestrator.addProcess({ name: "c", run: () => undefined }, { concurrency: 0 })),
    ).toMatchObject({
      code: "INVALID_OPTIONS",
      message: expect.stringContaining(`"c"`),
    });
    expect(orchestrator.graph()).toEqual(graph);
    expect(orchestrator.inputs()).toHaveLength(1);
    expect(await orchestrator.processes()).toHaveLength(2);
  });

  test("a link that is removed routes nothing more; what it routed before is run", async () => {
    await using pipeline = createTestPipeline();
    const received: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => void received.push(event.id) },
      { enabled: false },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "before" });
    pipeline.orchestrator.removeLink("source", "work");
    await pipeline.emit({ id: "after" });
    pipeline.orchestrator.addLink("source", "work", { operations: ["create"] });
    await pipeline.emit({ id: "filtered", operation: "update" });
    await pipeline.emit({ id: "passes", operation: "create" });
    await pipeline.orchestrator.resume("work");
    await pipeline.orchestrator.idle();
    expect(received).toEqual(["before", "passes"]);
  });

  test("nothing is lost or run twice when links, inputs and processes come and go under load", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    const received: string[] = [];
    const run = (event: Event): void => void received.push(event.id);
    orchestrator.addProcess({ name: "stays", run });
    orchestrator.addLink("source", "stays");
    await orchestrator.start();
    let sent = 0;
    let isLoading = true;
    const load = (async () => {
      while (isLoading) {
        await pipeline.emit({ id: (sent += 1) });
        await pipeline.turn();
      }
    })();
    for (let i = 0; i < 20; i += 1) {
      const { input, lives } = createHandledInput(`input${i}`);
      orchestrator.addInput(input);
      orchestrator.addProcess({ name: `process${i}`, run: () => undefined });
      orchestrator.addLink("source", `process${i}`);
      orchestrator.addLink(`input${i}`, "stays");
      await pipeline.turn();
      await lives[0]?.context.emit({ id: `input${i}` });
      await orchestrator.removeProcess(`process${i}`, { open: i % 2 === 0 ? "drain" : "cancel" });
      await orchestrator.removeInput(`input${i}`);
      expect(lives[0]?.context.signal.aborted).toBe(true);
    }
    isLoading = false;
    await load;
    await orchestrator.idle();
    const expected = [...Array(sent).keys()].map((i) => String(i + 1));
    expect(received.filter((id) => !id.startsWith("input"))).toEqual(expected);
    expect(received.filter((id) => id.startsWith("input"))).toHaveLength(20);
    expect(orchestrator.graph().nodes).toHaveLength(2);
    expect(await orchestrator.processes()).toHaveLength(1);
    expect(orchestrator.inputs()).toHaveLength(1);
    expect(pipeline.errors).toEqual([]);
  });
});

describe("removing an input", () => {
  test("ends it first, and takes what it still emits until it has ended", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    const received: string[] = [];
    orchestrator.addInput({
      name: "polite",
      async handle({ signal, emit }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await emit({ id: "last words" });
      },
    });
    orchestrator.addProcess({ name: "work", run: (event) => void received.push(event.id) });
    orchestrator.addLink("polite", "work");
    await orchestrator.start();
    await pipeline.turn();
    await orchestrator.removeInput("polite");
    await orchestrator.idle();
    expect(received).toEqual(["last words"]);
    expect(pipeline.errors).toEqual([]);
  });

  test("that does not end is waited for no longer than the grace time, and emits nothing after", async () => {
    await using pipeline = createTestPipeline({ grace: "5s" });
    const { orchestrator } = pipeline;
    const emits: (() => Promise<unknown>)[] = [];
    orchestrator.addInput({
      name: "deaf",
      handle({ emit }) {
        emits.push(() => emit({}));
        return new Promise(() => undefined);
      },
    });
    await orchestrator.start();
    await pipeline.turn();
    const removing = orchestrator.removeInput("deaf");
    await pipeline.clock.advance(5_000);
    await removing;
    expect(await errorOf(() => emits[0]?.())).toMatchObject({ code: "SHUTDOWN" });
    expect(orchestrator.inputs()).toHaveLength(1);
  });

  test("that does not exist, or is a process, is refused", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    await pipeline.orchestrator.start();
    for (const name of ["work", "nothing"]) {
      expect(await errorOf(() => pipeline.orchestrator.removeInput(name))).toMatchObject({
        code: "UNKNOWN_NAME",
      });
    }
    expect(await errorOf(() => pipeline.orchestrator.removeProcess("source"))).toMatchObject({
      code: "UNKNOWN_NAME",
    });
  });
});

describe("removing a process", () => {
  /** `source → work → after`; `work` emits one event a run, when its gate opens. */
  function createWithOpenRuns() {
    const pipeline = createTestPipeline();
    const gate = createSignal();
    const log: string[] = [];
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        async run(event, { emit, signal }) {
          log.push(`work ${event.id}`);
          const aborted = new Promise<never>((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason), { once: true });
          });
          await Promise.race([gate.wait(), aborted]);
          emit({ id: event.id });
        },
        close: async () => void log.push("closed"),
      },
      { concurrency: 1 },
    );
    pipeline.orchestrator.addProcess({ name: "after", run: (event) => void log.push(`after ${event.id}`) });
    pipeline.orchestrator.addLink("source", "work");
    pipeline.orchestrator.addLink("work", "after");
    return { ...pipeline, gate, log };
  }

  test("without open runs takes it away at once", async () => {
    await using pipeline = createWithOpenRuns();
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.removeProcess("work");
    expect(pipeline.orchestrator.graph().nodes.map(({ name }) => name)).toEqual(["source", "after"]);
    await pipeline.emit();
    await pipeline.orchestrator.idle();
    expect(pipeline.log).toEqual(["closed"]);
  });

  test("waits for what was routed to it before and is still on its way to the disk", async () => {
    const gate = createSignal();
    let isSlow = false;
    let tail: Promise<unknown> = Promise.resolve();
    // Commits take effect in the order of their calls, however slow the disk.
    const journal = withWork(createMemoryJournal(), (work) => ({
      commit(commit) {
        const before = isSlow ? Promise.all([tail, gate.wait()]) : tail;
        const committing = before.then(() => work.commit(commit));
        tail = committing.catch(() => undefined);
        return committing;
      },
    }));
    await using pipeline = createTestPipeline({ journal });
    const { orchestrator } = pipeline;
    const done: string[] = [];
    orchestrator.addProcess({ name: "work", run: ({ id }) => void done.push(id) });
    orchestrator.addLink("source", "work");
    await orchestrator.start();
    await pipeline.turn();
    isSlow = true;
    const emitting = pipeline.emit({ id: "1" });
    const removing = orchestrator.removeProcess("work");
    await pipeline.turn();
    gate.set();
    await Promise.all([emitting, removing]);
    expect(done).toEqual(["1"]);
  });

  test("goes on when it is asked for once more, if the journal cut it short, and finishes what came meanwhile", async () => {
    let isBroken = false;
    const journal = withWork(createMemoryJournal(), (work) => ({
      commit: (commit) =>
        isBroken && commit.state !== undefined
          ? Promise.reject(new SluiceError("JOURNAL_IO", "the disk says no"))
          : work.commit(commit),
    }));
    await using pipeline = createTestPipeline({ journal });
    const { orchestrator } = pipeline;
    const done: string[] = [];
    orchestrator.addProcess({ name: "work", run: ({ id }) => void done.push(id) }, { concurrency: 1 });
    orchestrator.addLink("source", "work");
    await orchestrator.start();
    await orchestrator.pause("work");
    isBroken = true;
    const emitting = pipeline.emit({ id: "1" });
    expect(await errorOf(() => orchestrator.removeProcess("work"))).toMatchObject({ code: "OPEN_RUNS" });
    await emitting;
    expect(await errorOf(() => orchestrator.removeProcess("work", { open: "drain" }))).toMatchObject({
      code: "JOURNAL_IO",
    });
    isBroken = false;
    await orchestrator.resume("work");
    await orchestrator.removeProcess("work");
    expect(done).toEqual(["1"]);
    expect(orchestrator.graph().nodes.map(({ name }) => name)).toEqual(["source"]);
  });

  test("with open runs needs a decision, and changes nothing without one", async () => {
    await using pipeline = createWithOpenRuns();
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "1" });
    await pipeline.emit({ id: "2" });
    await pipeline.turn();
    expect(await errorOf(() => pipeline.orchestrator.removeProcess("work"))).toMatchObject({
      code: "OPEN_RUNS",
      details: { open: 2 },
    });
    pipeline.gate.set();
    await pipeline.emit({ id: "3" });
    await pipeline.orchestrator.idle();
    expect(pipeline.log.toSorted()).toEqual(["after 1", "after 2", "after 3", "work 1", "work 2", "work 3"]);
  });

  test("draining finishes its open runs, whose emissions go along its links; nothing more is routed to it", async () => {
    await using pipeline = createWithOpenRuns();
    const { orchestrator } = pipeline;
    await orchestrator.start();
    await pipeline.emit({ id: "1" });
    await pipeline.emit({ id: "2" });
    await pipeline.turn();
    const removing = orchestrator.removeProcess("work", { open: "drain" });
    await pipeline.emit({ id: "3" });
    await pipeline.turn();
    expect(await orchestrator.processes()).toMatchObject([
      { name: "work", state: "draining", running: 1 },
      { name: "after", state: "running" },
    ]);
    expect(await errorOf(() => orchestrator.addLink("source", "work"))).toMatchObject({
      code: "UNKNOWN_NAME",
    });
    expect(
      await errorOf(() => orchestrator.addProcess({ name: "work", run: () => undefined })),
    ).toMatchObject({
      code: "DUPLICATE_NAME",
    });
    pipeline.gate.set();
    await removing;
    await orchestrator.idle();
    expect(pipeline.log.toSorted()).toEqual(["after 1", "after 2", "closed", "work 1", "work 2"]);
    expect(pipeline.log.indexOf("closed")).toBeGreaterThan(pipeline.log.indexOf("work 2"));
    expect(orchestrator.graph().nodes.map(({ name }) => name)).toEqual(["source", "after"]);
    orchestrator.addProcess({ name: "work", run: () => undefined });
  });

  test("draining waits for runs that are retrying", async () => {
    await using pipeline = createTestPipeline();
    let attempts = 0;
    pipeline.orchestrator.addProcess({
      name: "work",
      run() {
        attempts += 1;
        if (attempts === 1) throw new Error("no");
      },
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.turn();
    let isGone = false;
    const removing = pipeline.orchestrator
      .removeProcess("work", { open: "drain" })
      .then(() => (isGone = true));
    await pipeline.turn();
    expect(isGone).toBe(false);
    await pipeline.clock.advance(1_000);
    await removing;
    expect(attempts).toBe(2);
  });

  test("cancelling ends its open runs: what runs is aborted, what waits never begins", async () => {
    await using pipeline = createWithOpenRuns();
    await pipeline.orchestrator.start();
    const uids = [await pipeline.emit({ id: "1" }), await pipeline.emit({ id: "2" })];
    await pipeline.turn();
    await pipeline.orchestrator.removeProcess("work", { open: "cancel" });
    expect(pipeline.log).toEqual(["work 1", "closed"]);
    for (const uid of uids) {
      expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
        { state: "cancelled", error: { code: "CANCELLED", message: expect.stringContaining("removed") } },
      ]);
    }
    await pipeline.orchestrator.idle();
  });

  test("that is draining can still be told to cancel", async () => {
    await using pipeline = createWithOpenRuns();
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "1" });
    await pipeline.turn();
    const draining = pipeline.orchestrator.removeProcess("work", { open: "drain" });
    await pipeline.turn();
    await pipeline.orchestrator.removeProcess("work", { open: "cancel" });
    await draining;
    expect(pipeline.log).toEqual(["work 1", "closed"]);
  });

  test("before the start needs nothing", async () => {
    await using pipeline = createWithOpenRuns();
    await pipeline.orchestrator.removeProcess("work");
    await pipeline.orchestrator.removeInput("source");
    expect(pipeline.orchestrator.graph().nodes.map(({ name }) => name)).toEqual(["after"]);
  });
});

describe("the pipeline's version", () => {
  test("grows with each change, and every attempt records the one that it began under", async () => {
    await using pipeline = createTestPipeline();
    const gate = createSignal();
    pipeline.orchestrator.addProcess({
      name: "work",
      run: (event) => (event.id === "slow" ? gate.wait() : undefined),
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    async function versionOf(uid: string): Promise<number | undefined> {
      const attempts = await pipeline.orchestrator.history.attempts(`${uid}/work`);
      return attempts.at(-1)?.version;
    }
    const slow = await pipeline.emit({ id: "slow" });
    await pipeline.turn();
    pipeline.orchestrator.addProcess({ name: "other", run: () => undefined });
    const next = await pipeline.emit();
    await pipeline.orchestrator.settled(next);
    pipeline.orchestrator.addLink("source", "other");
    const last = await pipeline.emit();
    await pipeline.orchestrator.settled(last);
    gate.set();
    await pipeline.orchestrator.settled(slow);
    expect([await versionOf(slow), await versionOf(next), await versionOf(last)]).toEqual([1, 2, 3]);
  });

  test("grows by one for each of several changes at once, so that no two pipelines share one", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    for (let i = 0; i < 5; i += 1) pipeline.orchestrator.addProcess({ name: `p${i}`, run: () => undefined });
    const uid = await pipeline.emit();
    await pipeline.orchestrator.settled(uid);
    expect(await pipeline.orchestrator.history.attempts(`${uid}/work`)).toMatchObject([{ version: 6 }]);
  });

  test("is kept over restarts while the pipeline is what it was, and grows if a setting changed", async () => {
    const journal = createKeptJournal();
    const versions: number[] = [];
    for (const [seed, concurrency] of [4, 4, 5].entries()) {
      await using pipeline = createTestPipeline({ journal, seed });
      pipeline.orchestrator.addProcess({ name: "work", run: () => undefined }, { concurrency });
      pipeline.orchestrator.addLink("source", "work");
      await pipeline.orchestrator.start();
      const uid = await pipeline.emit();
      await pipeline.orchestrator.settled(uid);
      const [attempt] = await pipeline.orchestrator.history.attempts(`${uid}/work`);
      versions.push(attempt?.version ?? 0);
    }
    expect(versions).toEqual([1, 1, 2]);
  });
});
