import { expect, test } from "vitest";
import type { ProcessSettings } from "../../src/model/component.ts";
import { createTestPipeline, errorOf, stopWith, type TestPipeline } from "../support/engine.ts";

/** A pipeline with `count` events of `source`, to which a process `late` is added afterwards. */
async function createWithPast(count: number): Promise<TestPipeline & { seen: string[] }> {
  const pipeline = createTestPipeline();
  const seen: string[] = [];
  await pipeline.orchestrator.start();
  for (let id = 0; id < count; id += 1) {
    await pipeline.emit({ location: id % 2 === 0 ? "even" : "odd", id, data: { id } });
    await pipeline.clock.advance(1_000);
  }
  return { ...pipeline, seen };
}

function addLate(
  { orchestrator, seen }: TestPipeline & { seen: string[] },
  settings: ProcessSettings = {},
): void {
  orchestrator.addProcess({ name: "late", run: ({ id }) => void seen.push(id) }, settings);
}

const ALL = { filter: { input: "source" }, to: "late" } as const;

test("events of the past go through a new link, oldest first, and each once however often it is said", async () => {
  await using pipeline = await createWithPast(5);
  const { orchestrator, seen } = pipeline;
  addLate(pipeline, { concurrency: 1 });
  orchestrator.addLink("source", "late", { when: "data.id != 2.0" });
  expect(await orchestrator.replayEvents(ALL)).toMatchObject({ matched: 4, replayed: 4 });
  await orchestrator.idle();
  expect(seen).toEqual(["0", "1", "3", "4"]);
  expect(await orchestrator.replayEvents(ALL)).toMatchObject({ matched: 0, replayed: 0 });
  const { items } = await orchestrator.history.runs({});
  expect(items.map(({ replayOf }) => replayOf)).toEqual([null, null, null, null]);
});

test("a preview counts, names the first five, and makes no run", async () => {
  await using pipeline = await createWithPast(7);
  const { orchestrator, seen } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late");
  const { items } = await orchestrator.history.events({ oldestFirst: true, limit: 5 });
  expect(await orchestrator.replayEvents({ ...ALL, dryRun: true })).toEqual({
    matched: 7,
    replayed: 0,
    samples: items.map(({ uid }) => uid),
  });
  await orchestrator.idle();
  expect(seen).toEqual([]);
});

test("the filter chooses by location, key, operation and time", async () => {
  await using pipeline = await createWithPast(6);
  const { orchestrator } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late");
  const count = async (filter: object): Promise<number> =>
    (await orchestrator.replayEvents({ filter, to: "late", dryRun: true })).matched;
  expect(await count({ location: "even" })).toBe(3);
  expect(await count({ key: "odd/3" })).toBe(1);
  expect(await count({ operation: "create" })).toBe(0);
  expect(await count({ operation: "unknown" })).toBe(6);
  expect(await count({ input: "elsewhere" })).toBe(0);
  const times = (await orchestrator.history.events({ oldestFirst: true })).items.map(({ time }) => time);
  expect(await count({ since: times[1], until: times[4] })).toBe(3);
});

test("what no link would carry is left, unless it is asked for", async () => {
  await using pipeline = await createWithPast(3);
  const { orchestrator, seen } = pipeline;
  addLate(pipeline);
  expect(await orchestrator.replayEvents(ALL)).toMatchObject({ matched: 0 });
  expect(await orchestrator.replayEvents({ ...ALL, unlinked: true })).toMatchObject({ replayed: 3 });
  await orchestrator.idle();
  expect(seen.toSorted()).toEqual(["0", "1", "2"]);
});

test("an event whose condition throws has a dead run, as it would have had", async () => {
  await using pipeline = await createWithPast(1);
  const { orchestrator } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late", { when: "data.missing.deeper == 1.0" });
  await orchestrator.replayEvents(ALL);
  const { items } = await orchestrator.history.runs({});
  expect(items).toMatchObject([{ state: "dead", error: { code: "WHEN_FAILED" } }]);
});

test("those that have a run are replayed, too, if it is asked for: each once", async () => {
  await using pipeline = await createWithPast(2);
  const { orchestrator, seen } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late");
  const uid = await pipeline.emit({ location: "even", id: "new" });
  await orchestrator.settled(uid);
  // What came in the very millisecond of the call is not of the past.
  await pipeline.clock.advance(1_000);
  expect(await orchestrator.replayEvents({ ...ALL, again: true })).toMatchObject({ matched: 3, replayed: 3 });
  await orchestrator.idle();
  expect(seen.toSorted()).toEqual(["0", "1", "new", "new"]);
  expect(await orchestrator.history.run(`${uid}/late~1`)).toMatchObject({ replayOf: `${uid}/late` });
});

test("the order of a key holds: events of the past are done oldest first", async () => {
  await using pipeline = createTestPipeline();
  const { orchestrator } = pipeline;
  await orchestrator.start();
  for (let n = 0; n < 20; n += 1) await pipeline.emit({ id: "same", data: n });
  await pipeline.clock.advance(1_000);
  const seen: number[] = [];
  orchestrator.addProcess<number, never>(
    { name: "late", run: async ({ data }) => void seen.push(data) },
    { order: "key", concurrency: 8 },
  );
  orchestrator.addLink("source", "late");
  await orchestrator.replayEvents(ALL);
  await orchestrator.idle();
  expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test("at a rate, runs begin no faster, and who asked hears how far it is", async () => {
  await using pipeline = await createWithPast(30);
  const { orchestrator, seen, clock } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late");
  const told: number[] = [];
  const replaying = orchestrator.replayEvents(
    { ...ALL, rate: "10/s" },
    { onProgress: ({ done }) => told.push(done) },
  );
  await clock.advance(1_000);
  expect(seen.length).toBeGreaterThanOrEqual(9);
  expect(seen.length).toBeLessThanOrEqual(11);
  await clock.advance(3_000);
  expect(await replaying).toMatchObject({ replayed: 30 });
  expect(told.at(-1)).toBe(30);
  expect(told.length).toBeGreaterThan(10);
});

test("whoever asked can end it; the same again goes on where it was", async () => {
  await using pipeline = await createWithPast(10);
  const { orchestrator, seen, clock } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late");
  const asked = new AbortController();
  const error = errorOf(() => orchestrator.replayEvents({ ...ALL, rate: "1/s" }, { signal: asked.signal }));
  await clock.advance(3_500);
  asked.abort();
  expect(await error).toMatchObject({ code: "SHUTDOWN" });
  const before = seen.length;
  expect(before).toBeGreaterThan(1);
  expect(before).toBeLessThan(6);
  expect(await orchestrator.replayEvents(ALL)).toMatchObject({ replayed: 10 - before });
  await orchestrator.idle();
  expect(seen).toHaveLength(10);
});

test("a process that is removed meanwhile gets no run that nobody would do", async () => {
  await using pipeline = await createWithPast(10);
  const { orchestrator, clock } = pipeline;
  addLate(pipeline);
  orchestrator.addLink("source", "late");
  const error = errorOf(() => orchestrator.replayEvents({ ...ALL, rate: "1/s" }));
  await clock.advance(3_500);
  await orchestrator.removeProcess("late", { open: "drain" });
  await clock.advance(3_000);
  expect(await error).toMatchObject({ code: "UNKNOWN_NAME" });
  expect((await orchestrator.history.runs({ state: "queued" })).items).toEqual([]);
});

test("a pipeline that stops ends a replay that waits for its rate", async () => {
  const pipeline = await createWithPast(3);
  addLate(pipeline);
  pipeline.orchestrator.addLink("source", "late");
  const error = errorOf(() => pipeline.orchestrator.replayEvents({ ...ALL, rate: "1/h" }));
  await pipeline.turn();
  await stopWith(pipeline.orchestrator, pipeline.clock);
  expect(await error).toMatchObject({ code: "SHUTDOWN" });
});

test("dead runs are replayed at a rate, too", async () => {
  await using pipeline = createTestPipeline();
  const { orchestrator, clock } = pipeline;
  let isBroken = true;
  let begun = 0;
  orchestrator.addProcess(
    {
      name: "work",
      run() {
        begun += 1;
        if (isBroken) throw new Error("no");
      },
    },
    { retry: { attempts: 1 } },
  );
  orchestrator.addLink("source", "work");
  await orchestrator.start();
  for (let id = 0; id < 20; id += 1) await pipeline.emit({ id });
  await orchestrator.idle();
  isBroken = false;
  begun = 0;
  const replaying = orchestrator.replayAll({ state: "dead" }, { rate: "10/s" });
  await clock.advance(1_000);
  expect(begun).toBeGreaterThanOrEqual(9);
  expect(begun).toBeLessThanOrEqual(11);
  await clock.advance(2_000);
  expect(await replaying).toEqual({ matched: 20, replayed: 20 });
});

test.each([
  ["a process that is none", { filter: { input: "source" }, to: "source" }, "UNKNOWN_NAME"],
  ["a filter that says nothing", { filter: {}, to: "late" }, "INVALID_QUERY"],
  ["a time that is none", { filter: { since: "yesterday" }, to: "late" }, "INVALID_QUERY"],
  ["a rate that is none", { ...ALL, rate: "fast" }, "INVALID_OPTIONS"],
])("%s is refused", async (_, request, code) => {
  await using pipeline = await createWithPast(1);
  addLate(pipeline);
  expect(await errorOf(() => pipeline.orchestrator.replayEvents(request))).toMatchObject({ code });
});
