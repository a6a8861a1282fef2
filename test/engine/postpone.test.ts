import { describe, expect, test } from "vitest";
import type { Process, ProcessSettings } from "../../src/model/component.ts";
import { Postponed, toErrorRecord } from "../../src/model/errors.ts";
import { createTestPipeline, throwWhenAborted, type TestPipeline } from "../support/engine.ts";

interface Watched extends TestPipeline {
  /** Ids of the events whose attempts have begun, in order, with the number of the attempt. */
  readonly begun: string[];
}

function createWatched(run: Process["run"], settings: ProcessSettings = {}): Watched {
  const pipeline = createTestPipeline();
  const begun: string[] = [];
  pipeline.orchestrator.addProcess(
    {
      name: "work",
      run(event, context) {
        begun.push(`${event.id}#${context.attempt}`);
        return run(event, context);
      },
    },
    settings,
  );
  pipeline.orchestrator.addLink("source", "work");
  return { ...pipeline, begun };
}

describe("a postponed attempt", () => {
  test("costs none: a run with a single attempt is tried again when the error said", async () => {
    let isDown = true;
    await using pipeline = createWatched(
      () => {
        if (isDown) throw new Postponed("the host is down", { delay: 60_000, code: "NETWORK" });
      },
      { retry: { attempts: 1 } },
    );
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ id: "a" });
    await pipeline.turn();
    expect(await pipeline.orchestrator.history.run(`${uid}/work`)).toMatchObject({
      state: "retrying",
      attempts: 0,
      error: { code: "NETWORK", message: "the host is down" },
      dueAt: "2026-01-01T00:01:00.000Z",
    });
    await pipeline.clock.advance(59_999);
    expect(pipeline.begun).toEqual(["a#1"]);
    isDown = false;
    await pipeline.clock.advance(1);
    expect(pipeline.begun).toEqual(["a#1", "a#1"]);
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
  });

  test("costs one beyond its limit, at the delay that it asked for", async () => {
    await using pipeline = createWatched(
      () => {
        throw new Postponed("no room", { delay: 1_000, limit: 3 });
      },
      { retry: { attempts: 2 } },
    );
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ id: "a" });
    await pipeline.clock.advance(4_000);
    expect(pipeline.begun).toEqual(["a#1", "a#1", "a#1", "a#1", "a#2"]);
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
      { state: "dead", attempts: 2, error: { message: "no room" } },
    ]);
    const attempts = await pipeline.orchestrator.history.attempts(`${uid}/work`);
    expect(attempts.map(({ outcome }) => outcome)).toEqual([
      "postponed",
      "postponed",
      "postponed",
      "failed",
      "failed",
    ]);
  });

  test("is bounded whatever limit it names, and one that names none that can be read costs an attempt", async () => {
    for (const [limit, most] of [
      [Number.POSITIVE_INFINITY, 1_000],
      [Number.NaN, 0],
      [-1, 0],
    ] as const) {
      await using pipeline = createWatched(
        () => {
          throw new Postponed("no room", { delay: 1, limit });
        },
        { retry: { attempts: 1 } },
      );
      await pipeline.orchestrator.start();
      const uid = await pipeline.emit();
      await pipeline.clock.advance(2_000);
      expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "dead", attempts: 1 }]);
      expect(pipeline.begun).toHaveLength(most + 1);
    }
  });

  test("may be what a process says when its time-out strikes", async () => {
    await using pipeline = createWatched(
      async (_, { signal }) => {
        await throwWhenAborted(signal).catch(() => undefined);
        throw new Postponed("no node has room", { delay: 1_000 });
      },
      { timeout: "1s", retry: { attempts: 1 } },
    );
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.clock.advance(1_000);
    expect(await pipeline.orchestrator.history.run(`${uid}/work`)).toMatchObject({
      state: "retrying",
      error: { message: "no node has room" },
    });
  });

  test("of a copy of this package, or of none of its classes, is known by its mark", async () => {
    const error = Object.assign(new Error("later"), {
      delay: 5,
      limit: 1,
      [Symbol.for("sluice.retryAfter")]: true,
    });
    const marked = Object.assign(error, { [Symbol.for("sluice.postponed")]: true });
    let failures = 0;
    await using pipeline = createWatched(
      () => {
        if ((failures += 1) === 1) throw marked;
      },
      { retry: { attempts: 1 } },
    );
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.clock.advance(5);
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded" }]);
  });
});

describe("a process that asks to be held", () => {
  test("starts nothing of its backlog until the delay is over, and says why", async () => {
    let isDown = true;
    const hold = new Postponed("api.example is down", { delay: 30_000, holdProcess: true });
    await using pipeline = createWatched(
      () => {
        if (isDown) throw hold;
      },
      { concurrency: 2 },
    );
    await pipeline.orchestrator.start();
    for (let id = 1; id <= 10; id += 1) await pipeline.emit({ id: String(id) });
    await pipeline.turn();
    const before = pipeline.begun.length;
    expect(before).toBeLessThanOrEqual(2);
    expect(await pipeline.orchestrator.processes()).toMatchObject([
      { state: "backing off", lastError: toErrorRecord(hold) },
    ]);
    await pipeline.clock.advance(29_999);
    expect(pipeline.begun).toHaveLength(before);
    isDown = false;
    await pipeline.clock.advance(1);
    expect(pipeline.begun).toHaveLength(before + 10);
    expect(await pipeline.orchestrator.processes()).toMatchObject([{ state: "running", lastError: null }]);
  });

  test("leaves other processes alone, and can be stopped meanwhile", async () => {
    await using pipeline = createWatched(() => {
      throw new Postponed("down", { delay: 30_000, holdProcess: true });
    });
    const others: string[] = [];
    pipeline.orchestrator.addProcess({ name: "other", run: ({ id }) => void others.push(id) });
    pipeline.orchestrator.addLink("source", "other");
    await pipeline.orchestrator.start();
    for (const id of ["1", "2"]) await pipeline.emit({ id });
    await pipeline.turn();
    expect(others).toEqual(["1", "2"]);
    await pipeline.stop();
  });

  test("does not cut a longer hold short, and its rate still counts", async () => {
    let calls = 0;
    await using pipeline = createWatched(
      (event) => {
        calls += 1;
        if (calls > 2) return;
        throw new Postponed("down", { delay: event.id === "a" ? 10_000 : 1_000, holdProcess: true });
      },
      { concurrency: 2, rate: "2/m" },
    );
    await pipeline.orchestrator.start();
    await Promise.all(["a", "b", "c"].map((id) => pipeline.emit({ id })));
    await pipeline.clock.advance(59_999);
    expect(calls).toBe(2);
    await pipeline.clock.advance(1);
    expect(calls).toBe(4);
  });
});
