// How many events a second: `node bench/programs/throughput.ts '{"subject":"sluice","durable":true,…}'`.
import { setTimeout as sleep } from "node:timers/promises";
import { eventsOf, measureThroughput, type Load } from "../drive.ts";
import { percentile } from "../figure.ts";
import { createDurableFloor } from "../floor/durable.ts";
import { createMemoryFloor } from "../floor/memory.ts";
import { readUsage, spent } from "../journal-usage.ts";
import { Ledger } from "../ledger.ts";
import { takeSample } from "../program.ts";
import { createSluice, type Sluice } from "../sluice.ts";
import { USUAL_PAYLOAD, type Subject } from "../subject.ts";

export interface ThroughputOptions extends Load {
  readonly subject: "floor" | "sluice";
  readonly durable: boolean;
  readonly processes: number;
  /** Bytes as JSON; of the engine only. Defaults to about 200 with a journal on disk, to none in memory. */
  readonly payload?: number;
  readonly routes?: number;
  /** A journal that is there already. Defaults to an empty one. */
  readonly journal?: string;
  /** Whether somebody turns the pages of the list of runs meanwhile. */
  readonly reading?: boolean;
}

/** Somebody who turns the pages of the list of runs, near a hundred a second, from the newest back. */
class PageReader {
  readonly #sluice: Sluice;
  readonly #stopped = new AbortController();
  readonly #times: Promise<number[]>;

  constructor(sluice: Sluice) {
    this.#sluice = sluice;
    this.#times = this.#read();
  }

  /** What each page took, in milliseconds, as its reader sees it. */
  async stop(): Promise<number[]> {
    this.#stopped.abort();
    return this.#times;
  }

  async #read(): Promise<number[]> {
    const times: number[] = [];
    let cursor: string | null = null;
    // The first page starts the reader's thread.
    await this.#sluice.history().runs({ limit: 1 });
    for (let count = 0; !this.#stopped.signal.aborted; count++) {
      const from: { cursor?: string } = cursor === null || count % 20 === 0 ? {} : { cursor };
      const start = performance.now();
      const page = await this.#sluice.history().runs({ state: "succeeded", limit: 50, ...from });
      times.push(performance.now() - start);
      cursor = page.next;
      await sleep(10);
    }
    return times;
  }
}

await takeSample(async (options: ThroughputOptions, folder) => {
  const ledger = new Ledger(eventsOf(options), options.processes);
  if (options.subject === "sluice") return measureSluice(options, folder, ledger);
  const floor: Subject = options.durable
    ? createDurableFloor(`${folder}/floor.db`, options.processes, ledger)
    : createMemoryFloor(options.processes, ledger);
  await floor.start();
  const measured = await measureThroughput(floor, options, ledger);
  await floor.stop();
  return measured;
});

async function measureSluice(options: ThroughputOptions, folder: string, ledger: Ledger): Promise<object> {
  const { durable, processes, routes, reading = false } = options;
  const path = options.journal ?? `${folder}/journal.db`;
  const payload = options.payload ?? (durable ? USUAL_PAYLOAD : 0);
  const before = durable ? readUsage(path) : undefined;
  const sluice = createSluice(
    { journal: durable ? `sqlite:${path}` : "memory:", processes, payload, routes },
    ledger,
  );
  await sluice.start();
  const reader = reading ? new PageReader(sluice) : undefined;
  const measured = await measureThroughput(sluice, options, ledger);
  const pages = await reader?.stop();
  await sluice.stop();
  const usage = before === undefined ? {} : spent(before, readUsage(path), eventsOf(options));
  return { ...measured, ...usage, ...(pages !== undefined && { pageP99: percentile(pages, 0.99) }) };
}
