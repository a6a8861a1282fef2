import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import type { Receipt } from "../../src/model/component.ts";
import { isTraceparent } from "../../src/model/traceparent.ts";
import { createSignal } from "../../src/testing/signal.ts";
import { createTestPipeline, errorOf, type TestPipeline } from "../support/engine.ts";

/** `source → work → after`; what `after` gets is kept. */
function createStages(
  run: Parameters<TestPipeline["orchestrator"]["addProcess"]>[0]["run"],
  options: Parameters<typeof createTestPipeline>[0] = {},
) {
  const pipeline = createTestPipeline(options);
  const received: Event[] = [];
  pipeline.orchestrator.addProcess({ name: "work", run }, { retry: { initial: 0, attempts: 3 } });
  pipeline.orchestrator.addProcess({ name: "after", run: (event) => void received.push(event) });
  pipeline.orchestrator.addLink("source", "work");
  pipeline.orchestrator.addLink("work", "after");
  return { ...pipeline, received };
}

describe("what a process emits", () => {
  test("is held until the process has succeeded, then goes along its links", async () => {
    const gate = createSignal();
    await using pipeline = createStages(async (_, { emit }) => {
      emit({ id: "1", location: "shop", operation: "insert", data: { total: 3 }, headers: { a: "b" } });
      await gate.wait();
    });
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    expect(pipeline.received).toEqual([]);
    expect((await pipeline.orchestrator.history.events({})).items).toHaveLength(1);
    gate.set();
    await pipeline.orchestrator.settled(uid);
    expect(pipeline.received).toMatchObject([
      {
        id: "1",
        location: "shop",
        operation: "create",
        trigger: "work",
        data: { total: 3 },
        headers: { a: "b" },
      },
    ]);
  });

  test("is forgotten with an attempt that failed: only what the last one emitted counts", async () => {
    await using pipeline = createStages((_, { emit, attempt }) => {
      emit({ id: `of attempt ${attempt}` });
      if (attempt < 3) throw new Error("again");
    });
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.settled(uid);
    expect(pipeline.received.map((event) => event.id)).toEqual(["of attempt 3"]);
    expect((await pipeline.orchestrator.history.events({ trigger: "work" })).items).toHaveLength(1);
  });

  test("is committed in the order in which it was emitted", async () => {
    await using pipeline = createStages((_, { emit }) => {
      for (let i = 0; i < 100; i += 1) emit({ id: i });
    });
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.settled(await pipeline.emit());
    expect(pipeline.received.map((event) => Number(event.id))).toEqual([...Array(100).keys()]);
  });

  test("is an event of its own, though it was made by spreading the one that came in", async () => {
    await using pipeline = createStages((event, { emit }) => emit({ ...event, data: "more" }));
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.settled(uid);
    expect(pipeline.received).toMatchObject([{ trigger: "work", data: "more" }]);
    expect(pipeline.received[0]?.uid).not.toBe(uid);
  });

  test("makes the attempt fail if it is no event", async () => {
    await using pipeline = createStages((_, { emit }) => emit({ operation: "explode" }));
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([
      { state: "dead", error: { code: "INVALID_OPERATION" } },
    ]);
  });

  test("is waited for by settled, with the runs that it made", async () => {
    await using pipeline = createStages((_, { emit }) => emit({ id: "1" }));
    await pipeline.orchestrator.start();
    const runs = await pipeline.orchestrator.settled(await pipeline.emit());
    expect(runs.map(({ process, state }) => [process, state])).toEqual([
      ["work", "succeeded"],
      ["after", "succeeded"],
    ]);
  });
});

describe("what a process emits at once", () => {
  test("is durable before the process ends, and stays though the process fails", async () => {
    await using pipeline = createStages(async (_, { emit }) => {
      await emit({ id: "now" }, { now: true, key: "first" });
      throw new Error("after all");
    });
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "dead" }, { process: "after" }]);
    expect(pipeline.received.map((event) => event.id)).toEqual(["now"]);
  });

  test("counts once per run and key, over all its attempts, and another run has keys of its own", async () => {
    const receipts: (Receipt & { of: string })[] = [];
    await using pipeline = createStages(async (event, { emit, attempt }) => {
      for (const key of ["a", "b"]) {
        const receipt = await emit({ id: `${event.id}${key}` }, { now: true, key });
        receipts.push({ ...receipt, of: `${event.id}${key}${attempt}` });
      }
      if (attempt < 3) throw new Error("again");
    });
    await pipeline.orchestrator.start();
    for (const id of ["1", "2"]) {
      const uid = await pipeline.emit({ id });
      await pipeline.turn();
      await pipeline.orchestrator.settled(uid);
    }
    expect(pipeline.received.map((event) => event.id).toSorted()).toEqual(["1a", "1b", "2a", "2b"]);
    const first = receipts.find((receipt) => receipt.of === "1a1");
    expect(receipts.find((receipt) => receipt.of === "1a3")).toMatchObject({
      uid: first?.uid,
      duplicate: true,
    });
    expect(receipts.filter((receipt) => !receipt.duplicate).map((receipt) => receipt.of)).toEqual([
      "1a1",
      "1b1",
      "2a1",
      "2b1",
    ]);
  });

  test.each([undefined, "", 7])("needs a key: %j is refused", async (key) => {
    const errors: unknown[] = [];
    await using pipeline = createStages(async (_, { emit }) => {
      errors.push(await errorOf(() => emit({}, { now: true, key: key as unknown as string })));
    });
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.settled(await pipeline.emit());
    expect(errors).toMatchObject([{ code: "INVALID_EVENT" }]);
  });
});

describe("the cause of an event", () => {
  test("names the run that emitted it, and counts the hops from the first event on", async () => {
    await using pipeline = createStages((_, { emit }) => emit({ id: "1" }));
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.orchestrator.settled(uid);
    expect(pipeline.received[0]?.cause).toEqual({ runs: [`${uid}/work`], hops: 1 });
    const journey = await pipeline.orchestrator.history.journey(uid);
    expect(journey?.caused).toMatchObject([{ id: "1", trigger: "work" }]);
  });

  test("is not what the process says it is", async () => {
    await using pipeline = createStages((_, { emit }) => emit({ cause: { runs: ["forged"], hops: 0 } }));
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.orchestrator.settled(uid);
    expect(pipeline.received[0]?.cause?.runs).toEqual([`${uid}/work`]);
  });

  test("carries the trace: the same trace id, a span of its own", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const given: string[] = [];
    await using pipeline = createStages((_, context) => {
      given.push(context.traceparent);
      context.emit({ id: "1" });
    });
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ cause: { runs: [], hops: 0, traceparent } });
    await pipeline.orchestrator.settled(uid);
    const [seen] = given as [string];
    expect(isTraceparent(seen)).toBe(true);
    expect(seen.split("-")[1]).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(seen.split("-")[2]).not.toBe("b7ad6b7169203331");
    expect(seen.split("-")[3]).toBe("01");
    expect(pipeline.received[0]?.cause?.traceparent).toBe(seen);
  });

  test("starts a trace for a process that asks for one", async () => {
    const given: string[] = [];
    await using pipeline = createStages((_, context) => {
      given.push(context.traceparent, context.traceparent);
      context.emit({ id: "1" });
    });
    await pipeline.orchestrator.start();
    await pipeline.orchestrator.settled(await pipeline.emit());
    expect(isTraceparent(given[0] as string)).toBe(true);
    expect(given[1]).toBe(given[0]);
    expect(pipeline.received[0]?.cause?.traceparent).toBe(given[0]);
  });

  test("that comes from outside has its hops looked up in the journal", async () => {
    await using pipeline = createStages((_, { emit }) => emit({ id: "1" }));
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.orchestrator.settled(uid);
    const emitted = pipeline.received[0] as Event;
    const back = await pipeline.emit({ cause: { runs: [`${emitted.uid}/after`], hops: 0 } });
    expect((await pipeline.orchestrator.history.event(back))?.cause).toEqual({
      runs: [`${emitted.uid}/after`],
      hops: 2,
    });
  });

  test("that comes from outside and names unknown runs, or what is no run, counts as the first", async () => {
    await using pipeline = createStages(() => undefined);
    await pipeline.orchestrator.start();
    const runs = ["0193c0de-0000-7000-8000-000000000000/work", "nonsense", ""];
    const uid = await pipeline.emit({ cause: { runs, hops: 0 } });
    expect((await pipeline.orchestrator.history.event(uid))?.cause).toEqual({ runs, hops: 1 });
  });
});

describe("a loop", () => {
  test("through processes that is meant goes round until its hop limit, where its runs are dead", async () => {
    await using pipeline = createTestPipeline();
    const rounds: number[] = [];
    for (const [name, other] of [
      ["ping", "pong"],
      ["pong", "ping"],
    ] as const) {
      pipeline.orchestrator.addProcess({
        name,
        run(event, { emit }) {
          rounds.push(event.cause?.hops ?? 0);
          emit({ id: other });
        },
      });
    }
    pipeline.orchestrator.addLink("source", "ping");
    pipeline.orchestrator.addLink("ping", "pong");
    pipeline.orchestrator.addLink("pong", "ping", { loop: true });
    await pipeline.orchestrator.start();
    const runs = await pipeline.orchestrator.settled(await pipeline.emit());
    expect(rounds).toEqual([...Array(33).keys()]);
    expect(runs.at(-1)).toMatchObject({ state: "dead", attempts: 0, error: { code: "HOP_LIMIT" } });
    expect(runs.filter((run) => run.state !== "succeeded")).toHaveLength(1);
    await pipeline.orchestrator.idle();
  });

  test("that closes outside, where only the causing run is carried, is broken at the same limit", async () => {
    await using pipeline = createTestPipeline({ hopLimit: 5 });
    let rounds = 0;
    pipeline.orchestrator.addProcess({
      name: "write",
      async run(_, { run }) {
        rounds += 1;
        // As a capture would: it read the run from the row, and knows nothing of hops.
        await pipeline.emit({ cause: { runs: [run.id], hops: 0 } });
      },
    });
    pipeline.orchestrator.addLink("source", "write");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.idle();
    expect(rounds).toBe(6);
    const { items } = await pipeline.orchestrator.history.runs({ state: "dead" });
    expect(items).toMatchObject([{ process: "write", error: { code: "HOP_LIMIT" } }]);
  });
});

test("an input's filter of operations lets the others through, and says so of what it kept out", async () => {
  await using pipeline = createTestPipeline();
  const received: string[] = [];
  pipeline.orchestrator.addInput(
    { name: "filtered", handle: async () => undefined },
    { operations: ["create", "delete"] },
  );
  pipeline.orchestrator.addProcess({ name: "work", run: (event) => void received.push(event.id) });
  pipeline.orchestrator.addLink("filtered", "work");
  await pipeline.orchestrator.start();
  const kept = await pipeline.orchestrator.emit("filtered", { id: "1", operation: "INSERT" });
  const out = await pipeline.orchestrator.emit("filtered", { id: "2", operation: "update" });
  expect(kept).toEqual({ uid: kept.uid, duplicate: false });
  expect(out).toEqual({ uid: out.uid, duplicate: false, filtered: true });
  await pipeline.orchestrator.idle();
  expect(received).toEqual(["1"]);
  expect(await pipeline.orchestrator.history.event(out.uid)).toBeUndefined();
});

test("a delivery that comes twice is taken once, by its key or by its uid", async () => {
  await using pipeline = createStages(() => undefined);
  await pipeline.orchestrator.start();
  const first = await pipeline.orchestrator.emit("source", {}, { dedupe: "delivery 1" });
  const again = await pipeline.orchestrator.emit("source", {}, { dedupe: "delivery 1" });
  const byUid = await pipeline.orchestrator.emit("source", { uid: first.uid });
  expect(again).toEqual({ uid: first.uid, duplicate: true });
  expect(byUid).toEqual({ uid: first.uid, duplicate: true });
  await pipeline.orchestrator.idle();
  expect((await pipeline.orchestrator.history.runs({})).items).toHaveLength(1);
});

test("a condition that throws makes a dead run with WHEN_FAILED, not a silent miss", async () => {
  await using pipeline = createTestPipeline();
  pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
  pipeline.orchestrator.addLink("source", "work", { when: "data.total > 5.0" });
  await pipeline.orchestrator.start();
  const bad = await pipeline.emit({ data: { total: "many" } });
  const good = await pipeline.emit({ data: { total: 7.5 } });
  expect(await pipeline.orchestrator.settled(bad)).toMatchObject([
    { state: "dead", error: { code: "WHEN_FAILED" } },
  ]);
  expect(await pipeline.orchestrator.settled(good)).toMatchObject([{ state: "succeeded" }]);
});
