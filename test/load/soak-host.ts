// A pipeline of its own under steady load, that prints a sample a second: one JSON value a line.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SoakOptions, SoakSample } from "./soak.ts";
import { emitMany, startPipeline } from "./pipeline.ts";

const { folder, seconds, rate, keep } = JSON.parse(process.argv[2] as string) as SoakOptions;
const gc = globalThis.gc as () => void;

const orchestrator = await startPipeline(
  join(folder, "journal.db"),
  {
    name: "work",
    settings: { retry: { attempts: 2, initial: 5 } },
    run(event: { id: string }, { log, attempt }) {
      const n = Number(event.id);
      if (n % 10 === 0) log("a line");
      if (n % 50 === 0 && attempt === 1) throw new Error("the first time");
      if (n % 100 === 1) throw new Error("always");
    },
  },
  { retention: { succeeded: keep, dead: keep, dedupe: keep } },
);
orchestrator.addProcess({ name: "ordered", run: () => undefined }, { order: "key" });
orchestrator.addLink("source", "ordered");

const TICK = 20;
const began = performance.now();
let emitted = 0;
let sampled = 0;
while (performance.now() - began < seconds * 1_000) {
  const due = Math.floor(((performance.now() - began) / 1_000) * rate);
  const first = emitted;
  emitted = due;
  await emitMany(orchestrator, due - first, (n) => ({
    id: String(first + n),
    key: `key-${n % 10}`,
    data: { n },
  }));
  if (performance.now() - began >= (sampled + 1) * 1_000) await sample();
  await delay(TICK);
}
await orchestrator.idle();
await sample();
await orchestrator.stop();

async function sample(): Promise<void> {
  sampled += 1;
  const { runs } = await orchestrator.history.counters();
  const open = orchestrator.journal.openRuns();
  gc();
  const { heapUsed, rss } = process.memoryUsage();
  const files = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  const one: SoakSample = {
    emitted,
    open,
    kept:
      Object.values(runs).reduce((sum, of) => sum + Object.values(of).reduce((a, b) => a + b, 0), 0) - open,
    heap: heapUsed / 1e6,
    rss: rss / 1e6,
    descriptors: readdirSync("/proc/self/fd").length,
    disk: files.reduce((sum, size) => sum + size, 0) / 1e6,
  };
  process.stdout.write(`${JSON.stringify(one)}\n`);
}
