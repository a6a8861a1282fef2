import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Ledger } from "./ledger.ts";
import type { Subject } from "./subject.ts";

export interface Load {
  readonly events: number;
  readonly inFlight: number;
}

export interface Throughput {
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

/** How many events a subject sees in all: the load and, before it, a quarter of it as a warm-up. */
export function eventsOf({ events }: Load): number {
  return warmUpOf(events) + events;
}

/** Measures a subject that was started, and audits the ledger that its processes write. */
export async function measureThroughput(
  subject: Subject,
  { events, inFlight }: Load,
  ledger: Ledger,
): Promise<Throughput> {
  const warmUp = warmUpOf(events);
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
}

/** Emits `count` events, `inFlight` of them at a time, each next one when one is acknowledged; waits for the last. */
async function drive(subject: Subject, from: number, count: number, inFlight: number): Promise<void> {
  await emitAll((id) => subject.emit(id), from, count, inFlight);
  await subject.idle();
}

export async function emitAll(
  emit: (id: string) => Promise<unknown>,
  from: number,
  count: number,
  inFlight: number,
): Promise<void> {
  let next = from;
  const end = from + count;
  const emitters = Array.from({ length: inFlight }, async () => {
    while (next < end) await emit(String(next++));
  });
  await Promise.all(emitters);
}

function warmUpOf(events: number): number {
  return Math.ceil(events / 4);
}
