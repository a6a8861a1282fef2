import { expect, test } from "vitest";
import type { PipelineChange } from "../../src/engine/handles.ts";
import { createSignal } from "../../src/testing/signal.ts";
import { createHandledInput, createTestPipeline } from "../support/engine.ts";

/** `source → work`, whatever else changes. */
function bringBack(add: Partial<PipelineChange["add"]>): PipelineChange {
  const links = [{ from: "source", to: "work" }];
  return { add: { inputs: [], processes: [], ...add }, remove: [], links };
}

test("a process that a change brings back while it is being removed stays, and has the open runs", async () => {
  await using pipeline = createTestPipeline();
  const { orchestrator } = pipeline;
  const gate = createSignal();
  const log: string[] = [];
  const run = async (): Promise<void> => gate.wait();
  orchestrator.addProcess(
    { name: "work", run, close: async () => void log.push("closed") },
    { concurrency: 1 },
  );
  orchestrator.addLink("source", "work");
  await orchestrator.start();
  await pipeline.emit({ id: "1" });
  await pipeline.emit({ id: "2" });
  await pipeline.turn();
  const removing = orchestrator.removeProcess("work", { open: "drain" });
  await pipeline.turn();
  await orchestrator.change(bringBack({ processes: [{ name: "work", run: ({ id }) => void log.push(id) }] }));
  expect(log).not.toContain("closed");
  gate.set();
  await removing;
  await pipeline.emit({ id: "3" });
  await orchestrator.idle();
  expect(log.toSorted()).toEqual(["2", "3", "closed"]);
  expect(await orchestrator.processes()).toMatchObject([{ name: "work", state: "running" }]);
});

test("an input that a change brings back while it is being removed listens", async () => {
  await using pipeline = createTestPipeline();
  const { orchestrator } = pipeline;
  const gate = createSignal();
  orchestrator.addInput({ name: "late", handle: () => gate.wait() });
  orchestrator.addProcess({ name: "work", run: () => undefined });
  orchestrator.addLink("source", "work");
  await orchestrator.start();
  await pipeline.turn();
  const removing = orchestrator.removeInput("late");
  const { input, lives } = createHandledInput("late");
  const changing = orchestrator.change(bringBack({ inputs: [input] }));
  await pipeline.turn();
  gate.set();
  await Promise.all([removing, changing]);
  await pipeline.turn();
  expect(orchestrator.inputs()).toMatchObject([{ name: "source" }, { name: "late", state: "running" }]);
  expect(lives).toHaveLength(1);
  expect(orchestrator.graph().nodes.map(({ name }) => name)).toContain("late");
});

test("an attempt that a replaced process abandoned is counted until it really ends", async () => {
  await using pipeline = createTestPipeline();
  const { orchestrator } = pipeline;
  const gate = createSignal();
  const settings = { timeout: "1s", grace: "1s", order: "key" } as const;
  orchestrator.addProcess({ name: "work", run: () => gate.wait() }, settings);
  orchestrator.addLink("source", "work");
  await orchestrator.start();
  await pipeline.emit();
  await pipeline.turn();
  await pipeline.clock.advance(2_000);
  await orchestrator.change(bringBack({ processes: [{ name: "work", run: () => undefined }] }));
  expect(await orchestrator.processes()).toMatchObject([{ running: 0, abandoned: 1 }]);
  gate.set();
  await pipeline.turn();
  expect(await orchestrator.processes()).toMatchObject([{ running: 0, abandoned: 0 }]);
});
