// One sample in a process of its own: `node bench/sample.ts '{"subject":…}'` prints its figures as JSON.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createDurableFloor } from "./floor/durable.ts";
import { createMemoryFloor } from "./floor/memory.ts";
import { Ledger } from "./ledger.ts";
import { createSluice } from "./sluice.ts";
import type { Subject } from "./subject.ts";

export interface SampleOptions {
  readonly subject: "floor" | "sluice";
  readonly durable: boolean;
  readonly events: number;
  readonly processes: number;
  readonly inFlight: number;
}

export interface Sample {
  /** Events a second, from the first emission until everything is settled. */
  readonly rate: number;
  /** CPU seconds of all threads per 10,000 events. */
  readonly cpu: number;
  /** The event loop's delay, 99th percentile, milliseconds. */
  readonly loopDelay: number;
  /** Largest resident memory, megabytes. */
  readonly memory: number;
  /** Pairs of an event and a process that never arrived, and that arrived more than once. */
  readonly lost: number;
  readonly doubled: number;
}

async function sample(options: SampleOptions): Promise<Sample> {
  const { events, processes, inFlight } = options;
  const warmUp = Math.ceil(events / 4);
  const folder = await mkdtemp(join(process.env["BENCH_DIR"] ?? tmpdir(), "sluice-bench-"));
  const ledger = new Ledger(warmUp + events, processes);
  const subject = create(options, folder, ledger);
  try {
    await subject.start();
    await drive(subject, 0, warmUp, inFlight);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const cpuBefore = process.cpuUsage();
    delay.enable();
    const start = performance.now();
    await drive(subject, warmUp, events, inFlight);
    const seconds = (performance.now() - start) / 1_000;
    delay.disable();
    const cpu = process.cpuUsage(cpuBefore);
    return {
      rate: events / seconds,
      cpu: ((cpu.user + cpu.system) / 1e6 / events) * 1e4,
      loopDelay: delay.percentile(99) / 1e6,
      memory: process.resourceUsage().maxRSS / 1_024,
      ...ledger.audit(),
    };
  } finally {
    await subject.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function create(options: SampleOptions, folder: string, ledger: Ledger): Subject {
  const { processes, durable, subject } = options;
  if (subject === "sluice")
    return createSluice(durable ? `sqlite:${folder}/journal.db` : "memory:", processes, ledger);
  return durable
    ? createDurableFloor(`${folder}/floor.db`, processes, ledger)
    : createMemoryFloor(processes, ledger);
}

/** Emits `count` events, `inFlight` of them at a time, each next one when one is acknowledged; waits for the last. */
async function drive(subject: Subject, from: number, count: number, inFlight: number): Promise<void> {
  let next = from;
  const end = from + count;
  const emitters = Array.from({ length: inFlight }, async () => {
    while (next < end) await subject.emit(String(next++));
  });
  await Promise.all(emitters);
  await subject.idle();
}

process.stdout.write(
  `${JSON.stringify(await sample(JSON.parse(process.argv[2] ?? "{}") as SampleOptions))}\n`,
);
