import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { createSignal } from "../../src/testing/signal.ts";
import { createTestPipeline, throwWhenAborted, untilAborted, withWork } from "../support/engine.ts";

describe("a run that an operator cancels", () => {
  test("never begins if it was queued", async () => {
    await using pipeline = createTestPipeline();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => void begun.push(event.id) },
      { enabled: false },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ id: "1" });
    const next = await pipeline.emit({ id: "2" });
    expect(await pipeline.orchestrator.cancel([`${uid}/work`])).toEqual([
      { id: `${uid}/work`, ok: true, run: `${uid}/work` },
    ]);
    await pipeline.orchestrator.resume("work");
    await pipeline.orchestrator.settled(next);
    expect(begun).toEqual(["2"]);
    expect(await pipeline.orchestrator.history.run(`${uid}/work`)).toMatchObject({
      state: "cancelled",
      attempts: 0,
      error: { code: "CANCELLED" },
    });
  });

  test("lets the next of its key go on if it was waiting", async () => {
    await using pipeline = createTestPipeline();
    const gate = createSignal();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => (begun.push(event.id), event.id === "1" ? gate.wait() : undefined) },
      { order: "key" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const first = await pipeline.emit({ id: "1", key: "k" });
    const second = await pipeline.emit({ id: "2", key: "k" });
    const third = await pipeline.emit({ id: "3", key: "k" });
    await pipeline.turn();
    expect(await pipeline.orchestrator.history.run(`${second}/work`)).toMatchObject({ state: "waiting" });
    await pipeline.orchestrator.cancel([`${second}/work`]);
    gate.set();
    await pipeline.orchestrator.settled(first);
    expect(await pipeline.orchestrator.settled(third)).toMatchObject([{ state: "succeeded" }]);
    expect(begun).toEqual(["1", "3"]);
  });

  test("is not tried again if it was retrying", async () => {
    await using pipeline = createTestPipeline();
    let attempts = 0;
    pipeline.orchestrator.addProcess({
      name: "work",
      run() {
        attempts += 1;
        throw new Error("no");
      },
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.cancel([`${uid}/work`]);
    await pipeline.clock.advance(3_600_000);
    expect(attempts).toBe(1);
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "cancelled", attempts: 1 }]);
    await pipeline.orchestrator.idle();
  });

  test("has its signal aborted with CANCELLED if it was running, and is not tried again", async () => {
    await using pipeline = createTestPipeline();
    const reasons: unknown[] = [];
    pipeline.orchestrator.addProcess({
      name: "work",
      async run(_, { signal }) {
        await untilAborted(signal);
        reasons.push(signal.reason);
        throw signal.reason;
      },
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.cancel([`${uid}/work`]);
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
      { state: "cancelled", attempts: 1, error: { code: "CANCELLED" } },
    ]);
    await pipeline.turn();
    expect(reasons).toMatchObject([{ code: "CANCELLED" }]);
    expect(await pipeline.orchestrator.history.attempts(`${uid}/work`)).toMatchObject([
      { outcome: "cancelled" },
    ]);
  });

  test("stays cancelled though its attempt succeeds in spite of the signal, and what that emitted is dropped", async () => {
    await using pipeline = createTestPipeline();
    const received: string[] = [];
    pipeline.orchestrator.addProcess({
      name: "work",
      async run(_, { signal, emit }) {
        emit({ id: "from a cancelled run" });
        await untilAborted(signal);
      },
    });
    pipeline.orchestrator.addProcess({ name: "after", run: (event) => void received.push(event.id) });
    pipeline.orchestrator.addLink("source", "work");
    pipeline.orchestrator.addLink("work", "after");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.cancel([`${uid}/work`]);
    await pipeline.turn();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "cancelled" }]);
    expect(received).toEqual([]);
  });

  test("holds the next of its key back until its attempt has really ended", async () => {
    await using pipeline = createTestPipeline();
    const gate = createSignal();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => (begun.push(event.id), event.id === "1" ? gate.wait() : undefined) },
      { order: "key", grace: "1s" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const first = await pipeline.emit({ id: "1", key: "k" });
    const second = await pipeline.emit({ id: "2", key: "k" });
    await pipeline.turn();
    await pipeline.orchestrator.cancel([`${first}/work`]);
    await pipeline.clock.advance(60_000);
    expect(begun).toEqual(["1"]);
    gate.set();
    await pipeline.orchestrator.settled(second);
    expect(begun).toEqual(["1", "2"]);
  });

  test("does not begin if it was on its way to its process", async () => {
    const arriving = createSignal();
    const journal = withWork(createMemoryJournal(), (work) => ({
      async take(...asked) {
        const claims = await work.take(...asked);
        await arriving.wait();
        return claims;
      },
    }));
    await using pipeline = createTestPipeline({ journal });
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => void begun.push(event.id) },
      { order: "key" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const first = await pipeline.emit({ id: "1", key: "k" });
    await pipeline.emit({ id: "2", key: "k" });
    await pipeline.turn();
    await pipeline.orchestrator.cancel([`${first}/work`]);
    arriving.set();
    await pipeline.orchestrator.idle();
    expect(begun).toEqual(["2"]);
  });

  test("lets the next of its key go on though it only waited for a slot of the total limit", async () => {
    await using pipeline = createTestPipeline({ concurrency: 1 });
    const gate = createSignal();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => (begun.push(event.id), event.id === "1" ? gate.wait() : undefined) },
      { order: "key" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "1", key: "a" });
    const pending = await pipeline.emit({ id: "2", key: "b" });
    const next = await pipeline.emit({ id: "3", key: "b" });
    await pipeline.turn();
    expect(begun).toEqual(["1"]);
    await pipeline.orchestrator.cancel([`${pending}/work`]);
    gate.set();
    await pipeline.orchestrator.settled(next);
    expect(begun).toEqual(["1", "3"]);
  });

  test("is refused once it is over, or if there is none, and the others of the same order are not", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    pipeline.orchestrator.addProcess({ name: "later", run: () => undefined }, { enabled: false });
    pipeline.orchestrator.addLink("source", "work");
    pipeline.orchestrator.addLink("source", "later");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    const outcomes = await pipeline.orchestrator.cancel([
      `${uid}/work`,
      "nonsense",
      `${uid}/none`,
      `${uid}/later`,
    ]);
    expect(outcomes).toMatchObject([
      { ok: false, why: "state", message: expect.stringContaining("succeeded") },
      { ok: false, why: "not_found" },
      { ok: false, why: "not_found" },
      { ok: true },
    ]);
  });
});

describe("a run that an operator replays", () => {
  test("is opened anew under its id if it is dead, with its attempts counted anew", async () => {
    await using pipeline = createTestPipeline();
    const attempts: number[] = [];
    let broken = true;
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run(_, { attempt }) {
          attempts.push(attempt);
          if (broken) throw new Error("broken");
        },
      },
      { retry: { attempts: 2, initial: 0 } },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "dead" }]);
    broken = false;
    expect(await pipeline.orchestrator.replay([`${uid}/work`])).toEqual([
      { id: `${uid}/work`, ok: true, run: `${uid}/work` },
    ]);
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
      { id: `${uid}/work`, state: "succeeded", attempts: 1, replayOf: null, error: null },
    ]);
    expect(attempts).toEqual([1, 2, 1]);
  });

  test("is opened anew under its id if it was cancelled", async () => {
    await using pipeline = createTestPipeline();
    const runs: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (_, { run }) => void runs.push(run.id) },
      { enabled: false },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.orchestrator.cancel([`${uid}/work`]);
    await pipeline.orchestrator.replay([`${uid}/work`]);
    await pipeline.orchestrator.resume("work");
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
    expect(runs).toEqual([`${uid}/work`]);
  });

  test("becomes a new run with replayOf if it had succeeded, and again another the next time", async () => {
    await using pipeline = createTestPipeline();
    const seen: unknown[] = [];
    pipeline.orchestrator.addProcess({
      name: "work",
      run: (event, { run }) => void seen.push([run, event.data]),
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ data: { total: 1 } });
    await pipeline.orchestrator.settled(uid);
    const original = `${uid}/work`;
    expect(await pipeline.orchestrator.replay([original])).toEqual([
      { id: original, ok: true, run: `${original}~1` },
    ]);
    await pipeline.orchestrator.settled(uid);
    expect(await pipeline.orchestrator.replay([original])).toEqual([
      { id: original, ok: true, run: `${original}~2` },
    ]);
    const runs = await pipeline.orchestrator.settled(uid);
    expect(runs.map(({ id, replayOf }) => ({ id, replayOf }))).toEqual([
      { id: original, replayOf: null },
      { id: `${original}~1`, replayOf: original },
      { id: `${original}~2`, replayOf: original },
    ]);
    expect(seen).toEqual([
      [{ id: original, process: "work" }, { total: 1 }],
      [{ id: `${original}~1`, process: "work", replayOf: original }, { total: 1 }],
      [{ id: `${original}~2`, process: "work", replayOf: original }, { total: 1 }],
    ]);
  });

  test("becomes a new run if its payload was edited, even if it was dead, and leaves the first as it was", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run(event: Event<{ total: number }>) {
          if (event.data.total < 0) throw new Error("negative");
        },
      },
      { retry: { attempts: 1 } },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ data: { total: -1 } });
    await pipeline.orchestrator.settled(uid);
    await pipeline.orchestrator.replay([`${uid}/work`], { data: { total: 1 } });
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
      { id: `${uid}/work`, state: "dead" },
      { id: `${uid}/work~1`, state: "succeeded", replayOf: `${uid}/work` },
    ]);
  });

  test("takes its place behind the open runs of its key, under order by key", async () => {
    await using pipeline = createTestPipeline();
    const gate = createSignal();
    const begun: string[] = [];
    let broken = true;
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run(event) {
          begun.push(event.id);
          if (event.id === "1" && broken) throw new Error("broken");
          return event.id === "2" ? gate.wait() : undefined;
        },
      },
      { order: "key", retry: { attempts: 1 } },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const dead = await pipeline.emit({ id: "1", key: "k" });
    await pipeline.emit({ id: "2", key: "k" });
    await pipeline.turn();
    broken = false;
    await pipeline.orchestrator.replay([`${dead}/work`]);
    await pipeline.turn();
    expect(begun).toEqual(["1", "2"]);
    gate.set();
    await pipeline.orchestrator.settled(dead);
    expect(begun).toEqual(["1", "2", "1"]);
  });

  test("is refused while it is open, or if there is none", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess({ name: "work", run: (_, { signal }) => throwWhenAborted(signal) });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    expect(await pipeline.orchestrator.replay([`${uid}/work`, `${uid}/none`])).toMatchObject([
      { ok: false, why: "state", message: expect.stringContaining("running") },
      { ok: false, why: "not_found" },
    ]);
  });
});

describe("a bulk replay", () => {
  async function createWithDead(count: number) {
    const pipeline = createTestPipeline();
    const health = { broken: true };
    const begun: string[] = [];
    for (const name of ["one", "two"]) {
      pipeline.orchestrator.addProcess(
        {
          name,
          run(event) {
            begun.push(`${name} ${event.id}`);
            if (health.broken) throw new Error("broken");
          },
        },
        { retry: { attempts: 1 } },
      );
      pipeline.orchestrator.addLink("source", name);
    }
    await pipeline.orchestrator.start();
    for (let i = 0; i < count; i += 1) await pipeline.emit({ id: i });
    await pipeline.orchestrator.idle();
    health.broken = false;
    begun.length = 0;
    return { ...pipeline, begun, health };
  }

  test("tells what it would do without doing it, if it is a dry run", async () => {
    await using pipeline = await createWithDead(3);
    expect(await pipeline.orchestrator.replayAll({ process: "one" }, { dryRun: true })).toEqual({
      matched: 3,
      replayed: 0,
    });
    await pipeline.turn();
    expect(pipeline.begun).toEqual([]);
  });

  test("replays what its filter names, and only that", async () => {
    await using pipeline = await createWithDead(3);
    expect(await pipeline.orchestrator.replayAll({ process: "one" })).toEqual({ matched: 3, replayed: 3 });
    await pipeline.orchestrator.idle();
    expect(pipeline.begun.toSorted()).toEqual(["one 0", "one 1", "one 2"]);
    const { items } = await pipeline.orchestrator.history.runs({ state: "dead" });
    expect(items.map((run) => run.process)).toEqual(["two", "two", "two"]);
  });

  test("goes through all pages, each run once, though the runs die again under it", async () => {
    await using pipeline = await createWithDead(1_200);
    pipeline.health.broken = true;
    expect(await pipeline.orchestrator.replayAll({ state: "dead" })).toEqual({
      matched: 2_400,
      replayed: 2_400,
    });
    await pipeline.orchestrator.idle();
    expect(pipeline.begun).toHaveLength(2_400);
    expect(new Set(pipeline.begun).size).toBe(2_400);
  });

  test("means the dead ones if its filter names no state, or an undefined one", async () => {
    await using pipeline = await createWithDead(2);
    await pipeline.orchestrator.replayAll({ process: "one" });
    await pipeline.orchestrator.idle();
    const filter = { process: "one", state: undefined } as unknown as { process: string };
    expect(await pipeline.orchestrator.replayAll(filter)).toEqual({ matched: 0, replayed: 0 });
  });

  test("without a filter is refused", async () => {
    await using pipeline = await createWithDead(1);
    await expect(pipeline.orchestrator.replayAll({})).rejects.toMatchObject({ code: "INVALID_QUERY" });
    await pipeline.turn();
    expect(pipeline.begun).toEqual([]);
  });
});
