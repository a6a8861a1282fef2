import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Ledger } from "../ledger.ts";
import { payloadOf, USUAL_PAYLOAD, type Subject, type Work } from "../subject.ts";
import type { Batch } from "./durable-writer.worker.ts";

interface Emitted {
  readonly id: string;
  readonly acknowledge: () => void;
}

interface Run {
  readonly id: number;
  readonly event: string;
}

interface Lane {
  readonly number: number;
  readonly queue: Run[];
  head: number;
  running: number;
}

/**
 * The bare loop: emit → SQLite (WAL, FULL) in a thread → a process that does nothing → settled, and nothing else. One
 * group commit is under way at a time; what comes meanwhile goes into the next. No identity, no dedupe, no counters,
 * no retries, no logs, no recovery.
 */
export function createDurableFloor(file: string, processes: number, ledger: Ledger): Subject {
  const writer = new Worker(new URL("./durable-writer.worker.ts", import.meta.url), { workerData: file });
  const lanes: Lane[] = Array.from({ length: processes }, (_, number) => ({
    number,
    queue: [],
    head: 0,
    running: 0,
  }));
  const data = JSON.stringify(payloadOf(USUAL_PAYLOAD));
  let emitted: Emitted[] = [];
  let settled: number[] = [];
  let committing = false;
  let events = 0;
  let runs = 0;
  let open = 0;
  let onIdle: (() => void) | undefined;

  function commit(): void {
    if (committing || (emitted.length === 0 && settled.length === 0)) return;
    committing = true;
    const now = Date.now();
    const taken = emitted;
    const done = settled;
    const started: Run[][] = lanes.map(() => []);
    const batch: Batch = { events: [], runs: [], settled: done, now };
    for (const { id } of taken) {
      const event = ++events;
      batch.events.push([event, "in", "t", 1, id, now, data]);
      for (const lane of lanes) {
        const run = ++runs;
        batch.runs.push([run, event, lane.number, now]);
        started[lane.number]?.push({ id: run, event: id });
      }
    }
    emitted = [];
    settled = [];
    open += taken.length * processes;
    writer.once("message", () => {
      committing = false;
      for (const { acknowledge } of taken) acknowledge();
      for (const lane of lanes) {
        for (const run of started[lane.number] ?? []) lane.queue.push(run);
        pump(lane);
      }
      open -= done.length;
      if (open === 0 && emitted.length === 0) onIdle?.();
      commit();
    });
    writer.postMessage(batch);
  }

  function pump(lane: Lane): void {
    while (lane.running < 8 && lane.head < lane.queue.length) {
      const run = lane.queue[lane.head++] as Run;
      if (lane.head > 4_096) {
        lane.queue.splice(0, lane.head);
        lane.head = 0;
      }
      lane.running += 1;
      void attempt(lane, run);
    }
  }

  async function attempt(lane: Lane, run: Run): Promise<void> {
    await work(lane.number, run.event);
    lane.running -= 1;
    settled.push(run.id);
    pump(lane);
    commit();
  }

  const work: Work = async (process, event) => ledger.count(process, event);

  return {
    start: async () => undefined,
    emit: (id) =>
      new Promise<void>((resolve) => {
        emitted.push({ id, acknowledge: resolve });
        commit();
      }),
    idle: () =>
      new Promise((resolve) => {
        if (open === 0 && emitted.length === 0 && !committing) resolve();
        else onIdle = resolve;
      }),
    async stop() {
      writer.postMessage("close");
      await once(writer, "exit");
    },
  };
}
