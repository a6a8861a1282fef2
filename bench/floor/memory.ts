import type { Ledger } from "../ledger.ts";
import type { Subject, Work } from "../subject.ts";

class Run {
  readonly event: string;
  attempts = 0;
  state: "queued" | "succeeded" | "failed" = "queued";
  constructor(event: string) {
    this.event = event;
  }
}

interface Lane {
  readonly number: number;
  readonly queue: Run[];
  head: number;
  running: number;
}

/** The bare loop without a journal: emit → a batch a microtask → a queue a process → eight slots → settled. */
export function createMemoryFloor(processes: number, ledger: Ledger): Subject {
  const lanes: Lane[] = Array.from({ length: processes }, (_, number) => ({
    number,
    queue: [],
    head: 0,
    running: 0,
  }));
  let emitted: { readonly id: string; readonly acknowledge: () => void }[] = [];
  let flushing = false;
  let open = 0;
  let onIdle: (() => void) | undefined;

  function flush(): void {
    flushing = false;
    const taken = emitted;
    emitted = [];
    open += taken.length * processes;
    for (const { id } of taken) for (const lane of lanes) lane.queue.push(new Run(id));
    for (const { acknowledge } of taken) acknowledge();
    for (const lane of lanes) pump(lane);
  }

  function pump(lane: Lane): void {
    while (lane.running < 8 && lane.head < lane.queue.length) {
      const run = lane.queue[lane.head++] as Run;
      if (lane.head > 4_096 && lane.head * 2 > lane.queue.length) {
        lane.queue.splice(0, lane.head);
        lane.head = 0;
      }
      lane.running += 1;
      void attempt(lane, run);
    }
  }

  async function attempt(lane: Lane, run: Run): Promise<void> {
    run.attempts += 1;
    try {
      await work(lane.number, run.event);
      run.state = "succeeded";
    } catch {
      run.state = "failed";
    }
    lane.running -= 1;
    open -= 1;
    if (open === 0 && emitted.length === 0) onIdle?.();
    pump(lane);
  }

  const work: Work = async (process, event) => ledger.count(process, event);

  return {
    start: async () => undefined,
    emit: (id) =>
      new Promise<void>((resolve) => {
        emitted.push({ id, acknowledge: resolve });
        if (flushing) return;
        flushing = true;
        queueMicrotask(flush);
      }),
    idle: () =>
      new Promise((resolve) => {
        if (open === 0 && emitted.length === 0) resolve();
        else onIdle = resolve;
      }),
    stop: async () => undefined,
  };
}
