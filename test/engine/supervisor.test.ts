import { describe, expect, test } from "vitest";
import { PermanentError } from "../../src/model/errors.ts";
import type { Input, InputSettings } from "../../src/model/component.ts";
import type { InputRow } from "../../src/engine/rows.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import type { Lease } from "../../src/journal/coordination.ts";
import type { JournalDriver } from "../../src/journal/journal.ts";
import { createSignal, type Signal } from "../../src/testing/signal.ts";
import { createHandledInput, createTestPipeline, errorOf } from "../support/engine.ts";

/** A pipeline with one more input, `watched`, whose lives are in the test's hands. */
function createWatched(
  options: Partial<Input> = {},
  settings: InputSettings = {},
  engine: Parameters<typeof createTestPipeline>[0] = {},
) {
  // The lowest draw makes every back-off half of its bound.
  const pipeline = createTestPipeline({ random: () => 0, ...engine });
  const { input, lives } = createHandledInput("watched", options);
  pipeline.orchestrator.addInput(input, settings);
  function row(): InputRow {
    return pipeline.orchestrator.inputs().find(({ name }) => name === "watched") as InputRow;
  }
  async function fail(error: unknown = new Error("broken")): Promise<void> {
    lives.at(-1)?.fail(error);
    await pipeline.turn();
  }
  return { ...pipeline, lives, row, fail };
}

describe("an input that throws", () => {
  test("is started anew after a back-off that doubles, with its last error in sight", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(pipeline.row()).toMatchObject({ state: "running", restarts: 0, lastError: null });
    for (const [failures, bound] of [1_000, 2_000, 4_000, 8_000].entries()) {
      await pipeline.fail(new Error(`failure ${failures + 1}`));
      expect(pipeline.row()).toMatchObject({
        state: "backing off",
        restarts: failures + 1,
        lastError: { message: `failure ${failures + 1}` },
      });
      await pipeline.clock.advance(bound / 2 - 1);
      expect(pipeline.lives).toHaveLength(failures + 1);
      await pipeline.clock.advance(1);
      expect(pipeline.lives).toHaveLength(failures + 2);
      expect(pipeline.row()).toMatchObject({ state: "running" });
    }
    expect(pipeline.errors.map(({ code, details }) => [code, details["input"]])).toEqual(
      Array.from({ length: 4 }, () => ["INPUT_FAILED", "watched"]),
    );
  });

  test("keeps the code of its error", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.fail(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
    expect(pipeline.row().lastError).toEqual({ code: "ECONNRESET", message: "gone" });
  });

  test.each([undefined, null, "text", Object.create(null)])(
    "is started anew whatever it threw (%j)",
    async (thrown) => {
      await using pipeline = createWatched();
      await pipeline.orchestrator.start();
      await pipeline.turn();
      await pipeline.fail(thrown);
      expect(pipeline.row()).toMatchObject({ state: "backing off", lastError: { code: "RUN_FAILED" } });
      await pipeline.clock.advance(1_000);
      expect(pipeline.lives).toHaveLength(2);
    },
  );

  test("is started anew though it threw at once, without a promise", async () => {
    await using pipeline = createTestPipeline({ random: () => 0 });
    let lives = 0;
    pipeline.orchestrator.addInput({
      name: "hasty",
      handle() {
        lives += 1;
        throw new Error("at once");
      },
    });
    await pipeline.orchestrator.start();
    await pipeline.clock.advance(500);
    expect(lives).toBe(2);
  });

  test("starts its back-off anew once it has run for a minute", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    for (let i = 0; i < 5; i += 1) {
      await pipeline.fail();
      await pipeline.clock.advance(60_000);
    }
    await pipeline.clock.advance(60_000);
    await pipeline.fail();
    await pipeline.clock.advance(500);
    expect(pipeline.lives).toHaveLength(7);
  });

  test("more than ten times in five minutes is failed, loudly, yet tried again every minute until it is steady", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    for (let i = 0; i < 10; i += 1) {
      await pipeline.fail();
      expect(pipeline.row().state).toBe("backing off");
      await pipeline.clock.advance(Math.min(30_000, 500 * 2 ** i));
    }
    for (let i = 0; i < 10; i += 1) {
      await pipeline.fail();
      expect(pipeline.row().state).toBe("failed");
      await pipeline.clock.advance(59_999);
      expect(pipeline.row().state).toBe("failed");
      await pipeline.clock.advance(1);
      expect(pipeline.row().state).toBe("running");
    }
    await pipeline.clock.advance(60_000);
    await pipeline.fail();
    expect(pipeline.row().state).toBe("backing off");
  });

  test("that is not to be tried again is failed and left, until an operator restarts it", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.fail(new PermanentError("no such table"));
    expect(pipeline.row()).toMatchObject({
      state: "failed",
      restarts: 0,
      lastError: { message: "no such table" },
    });
    await pipeline.clock.advance(86_400_000 * 60);
    expect(pipeline.lives).toHaveLength(1);
    await pipeline.orchestrator.restart("watched");
    await pipeline.turn();
    expect(pipeline.lives).toHaveLength(2);
    expect(pipeline.row().state).toBe("running");
  });
});

describe("an input that returns", () => {
  test("is finished, and is not started again by itself", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    pipeline.lives[0]?.end();
    await pipeline.clock.advance(3_600_000);
    expect(pipeline.row()).toMatchObject({ state: "finished", restarts: 0, lastError: null });
    expect(pipeline.lives).toHaveLength(1);
  });

  test("is started again by a restart, and by nothing else", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    pipeline.lives[0]?.end();
    await pipeline.turn();
    await pipeline.orchestrator.pause("watched");
    await pipeline.orchestrator.resume("watched");
    await pipeline.turn();
    expect(pipeline.lives).toHaveLength(1);
    await pipeline.orchestrator.restart("watched");
    await pipeline.turn();
    expect(pipeline.row().state).toBe("running");
    expect(pipeline.lives).toHaveLength(2);
  });
});

describe("pausing", () => {
  test("ends a running input and keeps it ended; resuming starts it", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.orchestrator.pause("watched");
    expect(pipeline.row().state).toBe("paused");
    await pipeline.turn();
    expect(pipeline.lives[0]?.context.signal.aborted).toBe(true);
    expect(pipeline.row().state).toBe("paused");
    await pipeline.orchestrator.pause("watched");
    await pipeline.clock.advance(3_600_000);
    expect(pipeline.lives).toHaveLength(1);
    await pipeline.orchestrator.resume("watched");
    await pipeline.turn();
    expect(pipeline.row()).toMatchObject({ state: "running", restarts: 0, lastError: null });
    await pipeline.orchestrator.resume("watched");
    await pipeline.turn();
    expect(pipeline.lives).toHaveLength(2);
  });

  test("an input that backs off ends the wait; resuming starts it at once", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.fail();
    await pipeline.orchestrator.pause("watched");
    await pipeline.clock.advance(60_000);
    expect(pipeline.row().state).toBe("paused");
    expect(pipeline.lives).toHaveLength(1);
    await pipeline.orchestrator.resume("watched");
    await pipeline.turn();
    expect(pipeline.lives).toHaveLength(2);
  });

  test("does not count what an input throws because it was paused", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addInput({
      name: "watched",
      handle: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
    });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.orchestrator.pause("watched");
    await pipeline.turn();
    expect(pipeline.orchestrator.inputs()[1]).toMatchObject({
      state: "paused",
      restarts: 0,
      lastError: null,
    });
    expect(pipeline.errors).toEqual([]);
  });

  test("is kept by a restart: the input stays paused", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.pause("watched");
    await pipeline.turn();
    await pipeline.orchestrator.restart("watched");
    await pipeline.turn();
    expect(pipeline.row().state).toBe("paused");
  });

  test("a process lets what runs go on, but begins nothing until it is resumed", async () => {
    await using pipeline = createTestPipeline();
    const gate = createSignal();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess({
      name: "work",
      run: (event) => (begun.push(event.id), event.id === "1" ? gate.wait() : undefined),
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const first = await pipeline.emit({ id: "1" });
    await pipeline.turn();
    await pipeline.orchestrator.pause("work");
    await pipeline.emit({ id: "2" });
    await pipeline.turn();
    gate.set();
    expect(await pipeline.orchestrator.settled(first)).toMatchObject([{ state: "succeeded" }]);
    expect(begun).toEqual(["1"]);
    await pipeline.orchestrator.resume("work");
    await pipeline.orchestrator.idle();
    expect(begun).toEqual(["1", "2"]);
  });

  test("what does not exist is refused, with a hint", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await expect(pipeline.orchestrator.pause("wached")).rejects.toMatchObject({
      code: "UNKNOWN_NAME",
      message: expect.stringContaining("watched"),
    });
  });

  test("a component that is not enabled is paused from the start, and a resume starts it", async () => {
    await using pipeline = createWatched({}, { enabled: false });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(pipeline.row().state).toBe("paused");
    expect(pipeline.lives).toHaveLength(0);
    await pipeline.orchestrator.resume("watched");
    await pipeline.turn();
    expect(pipeline.row().state).toBe("running");
  });
});

describe("a restart", () => {
  test("ends a running input and starts it anew at once", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.orchestrator.restart("watched");
    await pipeline.turn();
    expect(pipeline.lives).toHaveLength(2);
    expect(pipeline.lives[0]?.context.signal.aborted).toBe(true);
    expect(pipeline.lives[1]?.context.signal.aborted).toBe(false);
    expect(pipeline.row()).toMatchObject({ state: "running", lastError: null });
  });

  test("ends a back-off, and lets the next begin anew", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    for (let i = 0; i < 6; i += 1) {
      await pipeline.fail();
      await pipeline.orchestrator.restart("watched");
      await pipeline.turn();
    }
    expect(pipeline.lives).toHaveLength(7);
    await pipeline.fail();
    await pipeline.clock.advance(500);
    expect(pipeline.lives).toHaveLength(8);
  });

  test("is only for inputs", async () => {
    await using pipeline = createWatched();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    await pipeline.orchestrator.start();
    await expect(pipeline.orchestrator.restart("work")).rejects.toMatchObject({ code: "UNKNOWN_NAME" });
  });
});

describe("an input that is expected to speak", () => {
  test("is flagged once for each silence, and no longer once it is heard", async () => {
    await using pipeline = createWatched({}, { expectEvery: "10s" });
    await pipeline.orchestrator.start();
    await pipeline.clock.advance(9_999);
    expect(pipeline.row().silent).toBe(false);
    await pipeline.clock.advance(1);
    expect(pipeline.row().silent).toBe(true);
    await pipeline.clock.advance(100_000);
    expect(pipeline.errors).toMatchObject([{ code: "INPUT_SILENT", details: { input: "watched" } }]);

    await pipeline.lives[0]?.context.emit({});
    expect(pipeline.row()).toMatchObject({ silent: false, lastEventAt: "2026-01-01T00:01:50.000Z" });
    await pipeline.clock.advance(9_999);
    expect(pipeline.row().silent).toBe(false);
    await pipeline.clock.advance(10_001);
    expect(pipeline.errors).toHaveLength(2);
  });

  test("is heard through events that are emitted in its name, too", async () => {
    await using pipeline = createWatched({}, { expectEvery: "10s" });
    await pipeline.orchestrator.start();
    for (let i = 0; i < 5; i += 1) {
      await pipeline.clock.advance(8_000);
      await pipeline.orchestrator.emit("watched", {});
    }
    expect(pipeline.errors).toEqual([]);
  });

  test("is not blamed for a silence that it was paused for", async () => {
    await using pipeline = createWatched({}, { expectEvery: "10s" });
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.pause("watched");
    await pipeline.clock.advance(100_000);
    await pipeline.orchestrator.resume("watched");
    await pipeline.clock.advance(9_000);
    expect(pipeline.errors).toEqual([]);
    await pipeline.clock.advance(11_000);
    expect(pipeline.errors).toMatchObject([{ code: "INPUT_SILENT" }]);
  });
});

describe("emitting", () => {
  test("after the input has ended is refused: it returned, it failed, it was paused, it was restarted", async () => {
    const endings: ((pipeline: ReturnType<typeof createWatched>) => unknown)[] = [
      (pipeline) => pipeline.lives[0]?.end(),
      (pipeline) => pipeline.lives[0]?.fail(new Error("broken")),
      (pipeline) => pipeline.orchestrator.pause("watched"),
      (pipeline) => pipeline.orchestrator.restart("watched"),
    ];
    for (const end of endings) {
      await using pipeline = createWatched();
      await pipeline.orchestrator.start();
      await pipeline.turn();
      await end(pipeline);
      await pipeline.turn();
      const { context } = pipeline.lives[0] as (typeof pipeline.lives)[number];
      expect(await errorOf(() => context.emit({}))).toMatchObject({ code: "SHUTDOWN" });
      expect(await errorOf(() => context.emitAll([{}, {}]))).toMatchObject({ code: "SHUTDOWN" });
      expect((await pipeline.orchestrator.history.events({})).items).toEqual([]);
    }
  });

  test("what is no event is refused, and the input lives on", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const { context } = pipeline.lives[0] as (typeof pipeline.lives)[number];
    expect(await errorOf(() => context.emit({ operation: "explode" }))).toMatchObject({
      code: "INVALID_OPERATION",
    });
    expect(await errorOf(() => context.emitAll([{}, { uid: "no" }]))).toMatchObject({
      code: "INVALID_EVENT",
    });
    expect((await pipeline.orchestrator.history.events({})).items).toEqual([]);
    expect(await context.emitAll([])).toEqual([]);
    const receipts = await context.emitAll([{ id: "1" }, { id: "2" }]);
    const { items } = await pipeline.orchestrator.history.events({});
    expect(items.map(({ uid }) => uid).toReversed()).toEqual(receipts.map(({ uid }) => uid));
    expect(pipeline.row().state).toBe("running");
  });

  test("keeps state in the same commit, under a version that guards it", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const { context } = pipeline.lives[0] as (typeof pipeline.lives)[number];
    expect(await context.state.get("cursor")).toBeUndefined();
    await context.emit({}, { state: { cursor: { offset: 7 } } });
    expect(await context.state.get("cursor")).toEqual({ value: { offset: 7 }, version: 1 });
    await context.emitAll([], { state: { cursor: { offset: 8 } } });
    await context.state.put("cursor", { offset: 9 }, 2);
    expect(await errorOf(() => context.state.put("cursor", 0, 2))).toMatchObject({ code: "STATE_CONFLICT" });
    expect(await context.state.get("cursor")).toEqual({ value: { offset: 9 }, version: 3 });
  });
});

describe("an input that announces when it is ready", () => {
  test("is starting until it does", async () => {
    await using pipeline = createWatched({ announcesReady: true });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(pipeline.row().state).toBe("starting");
    pipeline.lives[0]?.context.ready();
    expect(pipeline.row().state).toBe("running");
  });

  test("is not believed after its end", async () => {
    await using pipeline = createWatched({ announcesReady: true });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.fail();
    pipeline.lives[0]?.context.ready();
    expect(pipeline.row().state).toBe("backing off");
  });
});

describe("a lease", () => {
  /** A journal whose leases are in the test's hands: as one that several nodes share would grant them. */
  function createLeasingJournal() {
    const asked: { name: string; grant: Signal<AbortController>; released: Signal }[] = [];
    const driver: JournalDriver = {
      location: "memory:",
      async open(surroundings) {
        const journal = await createMemoryJournal().open(surroundings);
        return {
          ...journal,
          coordination: {
            ...journal.coordination,
            async lease(name, signal): Promise<Lease | undefined> {
              if (name !== "input:watched") return journal.coordination.lease(name, signal);
              const one = { name, grant: createSignal<AbortController>(), released: createSignal() };
              asked.push(one);
              signal.addEventListener("abort", () => one.grant.fail(new Error("aborted")), { once: true });
              const granted = await one.grant.wait().catch(() => undefined);
              if (granted === undefined) return undefined;
              return { name, signal: granted.signal, release: async () => one.released.set() };
            },
          },
        };
      },
    };
    return { driver, asked };
  }

  test("is waited for on standby, and given back when the input ends", async () => {
    const { driver, asked } = createLeasingJournal();
    await using pipeline = createWatched({}, {}, { journal: driver });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(pipeline.row().state).toBe("standby");
    expect(pipeline.lives).toHaveLength(0);
    asked[0]?.grant.set(new AbortController());
    await pipeline.turn();
    expect(pipeline.row().state).toBe("running");
    await pipeline.orchestrator.pause("watched");
    await pipeline.turn();
    expect(asked[0]?.released.isSet).toBe(true);
  });

  test("that is lost ends the input, which asks for it again and is not blamed", async () => {
    const { driver, asked } = createLeasingJournal();
    await using pipeline = createWatched({}, {}, { journal: driver });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const lease = new AbortController();
    asked[0]?.grant.set(lease);
    await pipeline.turn();
    lease.abort(new Error("another node has it"));
    await pipeline.turn();
    expect(pipeline.lives[0]?.context.signal.aborted).toBe(true);
    expect(pipeline.row()).toMatchObject({ state: "standby", restarts: 0, lastError: null });
    expect(asked).toHaveLength(2);
  });

  test("that is not there yet does not hold up a pause or a stop", async () => {
    const { driver } = createLeasingJournal();
    await using pipeline = createWatched({}, {}, { journal: driver });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.orchestrator.pause("watched");
    await pipeline.turn();
    expect(pipeline.row().state).toBe("paused");
    await pipeline.orchestrator.resume("watched");
    await pipeline.turn();
    expect(pipeline.row().state).toBe("standby");
  });
});

describe("ready()", () => {
  test("resolves when every input listens: those that announce it, when they do", async () => {
    await using pipeline = createWatched({ announcesReady: true });
    await pipeline.orchestrator.start();
    let isReady = false;
    const ready = pipeline.orchestrator.ready().then(() => (isReady = true));
    await pipeline.turn();
    expect(isReady).toBe(false);
    pipeline.lives[0]?.context.ready();
    await ready;
    expect(pipeline.row().state).toBe("running");
  });

  test("waits for an input that backs off, and not for one that is paused", async () => {
    await using pipeline = createWatched({ announcesReady: true });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.fail();
    let isReady = false;
    const ready = pipeline.orchestrator.ready().then(() => (isReady = true));
    await pipeline.turn();
    expect(isReady).toBe(false);
    await pipeline.orchestrator.pause("watched");
    await ready;
  });

  test("rejects when an input has failed, or the pipeline does not run", async () => {
    await using pipeline = createWatched({ announcesReady: true });
    await expect(pipeline.orchestrator.ready()).rejects.toMatchObject({ code: "NOT_RUNNING" });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const ready = errorOf(() => pipeline.orchestrator.ready());
    await pipeline.fail(new PermanentError("no such topic"));
    expect(await ready).toMatchObject({ code: "INPUT_FAILED", message: /no such topic/ });
  });
});

describe("an input that says how it is", () => {
  test("is shown with how far it is behind and what it met, and stands by until it is ready", async () => {
    await using pipeline = createWatched({ announcesReady: true });
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(pipeline.row()).toMatchObject({ lag: null });
    const report = pipeline.lives[0]?.context.report;
    report?.({ standby: true });
    expect(pipeline.row()).toMatchObject({ state: "standby" });
    pipeline.lives[0]?.context.ready();
    report?.({ lag: { events: 3, oldest: Date.parse("2026-01-01T00:00:00Z"), details: { "topic/0": 3 } } });
    report?.({ error: new Error("lost the connection; connecting again") });
    expect(pipeline.row()).toMatchObject({
      state: "running",
      restarts: 0,
      lastError: { message: "lost the connection; connecting again" },
      lag: { events: 3, bytes: null, oldest: "2026-01-01T00:00:00.000Z", details: { "topic/0": 3 } },
    });
  });

  test("says nothing any more once its life has ended", async () => {
    await using pipeline = createWatched();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const [life] = pipeline.lives;
    await pipeline.fail();
    life?.context.report({ lag: { events: 7 } });
    expect(pipeline.row().lag).toBeNull();
  });
});
