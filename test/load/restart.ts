import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { workspace, type Workspace } from "../support/cli.ts";
import { emitMany, startPipeline } from "./pipeline.ts";

const CONFIG = `journal = "sqlite:journal.db"
grace = "1s"
[http]
listen = "127.0.0.1:0"
[[input]]
name = "source"
type = "function"
module = "./source.ts"
[[process]]
name = "work"
type = "function"
module = "./work.ts"
on = "source"
`;
const SOURCE = `export default ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve));`;
/** Notes when its first run began. */
const WORK = `import { writeFileSync } from "node:fs";
let isFirst = true;
export default async () => {
  if (isFirst) writeFileSync("first-run", String(Date.now()));
  isFirst = false;
  await new Promise((resolve) => setTimeout(resolve, 1));
};`;

export interface RestartReport {
  /** From the start of the operating system's process, in milliseconds; of the idle one, until it was ready. */
  readonly idleReady: number;
  readonly ready: number;
  readonly firstRun: number;
  /** The longest answer of the API while the queue is worked off, in milliseconds. */
  readonly slowestAnswer: number;
  /** The highest resident memory of the one with the queue above that of the idle one, in MB. */
  readonly memoryAbove: number;
}

interface Start {
  readonly ready: number;
  readonly firstRun: number;
  readonly slowestAnswer: number;
  readonly memory: number;
}

/**
 * Starts a pipeline with so many runs queued, as a user would, after one without.
 *
 * @param toTheEnd whether to wait until the queue is worked off; else it is stopped after some seconds
 */
export async function restart(queued: number, toTheEnd: boolean): Promise<RestartReport> {
  const [idle, busy] = [place(), place()];
  try {
    await fill(join(busy.folder, "journal.db"), queued);
    const without = await start(idle, 0, true);
    const withQueue = await start(busy, queued, toTheEnd);
    return {
      idleReady: without.ready,
      ready: withQueue.ready,
      firstRun: withQueue.firstRun,
      slowestAnswer: withQueue.slowestAnswer,
      memoryAbove: withQueue.memory - without.memory,
    };
  } finally {
    await Promise.all([idle.remove(), busy.remove()]);
  }
}

function place(): Workspace {
  const made = workspace(CONFIG);
  made.write("source.ts", SOURCE);
  made.write("work.ts", WORK);
  return made;
}

async function fill(journal: string, events: number): Promise<void> {
  const process = { name: "work", settings: { enabled: false }, run: () => undefined };
  await using orchestrator = await startPipeline(journal, process);
  const data = { note: "x".repeat(100) };
  await emitMany(orchestrator, events, (n) => ({ id: String(n), location: "orders", data }), 5_000);
}

async function start(where: Workspace, queued: number, toTheEnd: boolean): Promise<Start> {
  const began = Date.now();
  const { child, ready, stop } = await where.run();
  const isReady = Date.now() - began;
  let slowestAnswer = 0;
  const ask = async (path: string): Promise<unknown> => {
    const asked = performance.now();
    const answer = await fetch(String(ready["http"]) + path);
    expect(answer.status).toBe(200);
    const body: unknown = path.startsWith("/api") ? await answer.json() : await answer.text();
    slowestAnswer = Math.max(slowestAnswer, performance.now() - asked);
    return body;
  };
  const runs = async (): Promise<Partial<Record<string, number>>> => {
    const { items } = (await ask("/api/v1/processes")) as {
      items: { runs: Partial<Record<string, number>> }[];
    };
    return items[0]?.runs ?? {};
  };
  const askAll = async (): Promise<void> => {
    await ask("/healthz");
    const page = (await ask("/api/v1/runs?limit=100")) as { items: unknown[] };
    expect(page.items).toHaveLength(queued === 0 ? 0 : 100);
    await ask("/api/v1/runs?state=queued&limit=50");
    await ask("/api/v1/dead-letters");
    await delay(50);
  };
  for (let i = 0; i < 30; i += 1) await askAll();
  const isOver = async (): Promise<boolean> => !toTheEnd || ((await runs())["succeeded"] ?? 0) >= queued;
  for (const deadline = Date.now() + 120_000; !(await isOver()) && Date.now() < deadline;) await askAll();
  const { succeeded = 0, queued: left = 0, running = 0 } = await runs();
  expect(succeeded + left + running, "every run is accounted for").toBe(queued);
  if (toTheEnd) expect(succeeded).toBe(queued);
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const memory = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
  expect(await stop()).toMatchObject({ code: 0 });
  const firstRun = queued === 0 ? 0 : Number(readFileSync(join(where.folder, "first-run"), "utf8")) - began;
  return { ready: isReady, firstRun, slowestAnswer, memory };
}
