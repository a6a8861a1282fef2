import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Orchestrator, type EventInit, type OrchestratorOptions, type Process } from "../../src/index.ts";
import { listener } from "../support/engine.ts";

/** A folder for the journals of one test. */
export async function loadFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "sluice-load-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A started pipeline `source` → the process, over a SQLite journal. */
export async function startPipeline(
  journal: string,
  process: Process<never>,
  options: Partial<OrchestratorOptions> = {},
): Promise<Orchestrator> {
  const orchestrator = new Orchestrator({ ...options, journal: `sqlite:${journal}` });
  orchestrator.addInput(listener("source"));
  orchestrator.addProcess(process);
  orchestrator.addLink("source", process.name);
  await orchestrator.start();
  return orchestrator;
}

/** Emits so many events, a number of them under way at a time; answers when each was acknowledged. */
export async function emitMany(
  orchestrator: Orchestrator,
  count: number,
  event: (n: number) => EventInit,
  inFlight = 2_000,
): Promise<void> {
  let next = 0;
  const emitter = async (): Promise<void> => {
    while (next < count) await orchestrator.emit("source", event(next++));
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, emitter));
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
