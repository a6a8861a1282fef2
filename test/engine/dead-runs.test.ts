import { expect, onTestFinished, test } from "vitest";
import { runDied, type RunDied } from "../../src/engine/diagnostics.ts";
import { formatRunId } from "../../src/model/run.ts";
import { createTestPipeline, type TestPipeline } from "../support/engine.ts";

/** A condition that throws for every event without a total. */
const WHEN = { when: "double(data.total) > 1.0" };

/** A pipeline with the processes `plain` and `picky`, behind such a condition, and what was told of it. */
async function createPicky(): Promise<TestPipeline & { readonly told: RunDied[] }> {
  const told: RunDied[] = [];
  const listen = (message: unknown): void => void told.push(message as RunDied);
  runDied.subscribe(listen);
  onTestFinished(() => {
    runDied.unsubscribe(listen);
  });
  const pipeline = createTestPipeline({ name: "picky ones", hopLimit: 3 });
  const { orchestrator } = pipeline;
  orchestrator.addProcess({
    name: "plain",
    async run({ data }, { emit }) {
      const { held, now } = (data ?? {}) as { held?: string; now?: string };
      if (held !== undefined) emit({ id: held });
      if (now !== undefined) await emit({ id: now }, { now: true, key: now });
    },
  });
  orchestrator.addProcess({ name: "picky", run: () => undefined });
  orchestrator.addLink("source", "plain");
  orchestrator.addLink("source", "picky", WHEN);
  orchestrator.addLink("plain", "picky", WHEN);
  await orchestrator.start();
  return { ...pipeline, told };
}

test("a run whose link's condition throws is told of once it is on disk, and a duplicate is not", async () => {
  await using pipeline = await createPicky();
  const { orchestrator, told } = pipeline;
  const { uid } = await orchestrator.emit("source", { id: "1" }, { dedupe: "once" });
  await orchestrator.emit("source", { id: "1" }, { dedupe: "once" });
  const run = `${uid}/picky`;
  expect(told).toMatchObject([
    { pipeline: "picky ones", process: "picky", run, event: { uid }, error: { code: "WHEN_FAILED" } },
  ]);
  expect(await orchestrator.history.run(run)).toMatchObject({ state: "dead", attempts: 0 });
});

test("those of events that a process emits are told of, at once or with its success", async () => {
  await using pipeline = await createPicky();
  const uid = await pipeline.emit({ data: { total: 2, held: "held", now: "now" } });
  await pipeline.orchestrator.settled(uid);
  await pipeline.orchestrator.idle();
  expect(pipeline.told.map(({ event: { id, trigger }, error }) => [id, trigger, error.code])).toEqual([
    ["now", "plain", "WHEN_FAILED"],
    ["held", "plain", "WHEN_FAILED"],
  ]);
});

test("those beyond the hop limit are told of, one a process", async () => {
  await using pipeline = await createPicky();
  await pipeline.emit({ data: { total: 2 }, cause: { runs: [], hops: 4 } });
  expect(pipeline.told.map(({ process, error }) => [process, error.code])).toEqual([
    ["plain", "HOP_LIMIT"],
    ["picky", "HOP_LIMIT"],
  ]);
});

test("those of events of the past are told of when they are sent to a process", async () => {
  await using pipeline = await createPicky();
  const { orchestrator, told } = pipeline;
  const uid = await pipeline.emit({ data: { total: 2 } });
  await pipeline.clock.advance(1);
  orchestrator.addProcess({ name: "late", run: () => undefined });
  orchestrator.addLink("source", "late", { when: "data.more" });
  const request = { filter: { input: "source" }, to: "late" };
  await orchestrator.replayEvents({ ...request, dryRun: true });
  expect(told).toEqual([]);
  await orchestrator.replayEvents(request);
  await orchestrator.replayEvents(request);
  expect(told.map(({ run, error }) => [run, error.code])).toEqual([
    [formatRunId(uid, "late"), "WHEN_FAILED"],
  ]);
});
