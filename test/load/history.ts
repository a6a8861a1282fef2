import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { fillJournal } from "../../bench/fill-journal.ts";
import { emitMany, loadFolder, median, percentile, startPipeline } from "./pipeline.ts";

export interface HistoryReport {
  /** Events a second from emit to settled, median of the rounds. */
  readonly empty: number;
  readonly full: number;
  /** Of the rounds' ratios, full to empty: each pair ran one after the other. */
  readonly ratio: number;
  /** Of reading pages of 50 runs meanwhile, in milliseconds. */
  readonly pageP99: number;
  readonly pages: number;
}

/** Works through events over a journal with so many finished runs and over one without, by turns. */
export async function besideHistory(
  finished: number,
  rounds: number,
  events: number,
): Promise<HistoryReport> {
  await using folder = await loadFolder();
  const journals = { empty: join(folder.path, "empty.db"), full: join(folder.path, "full.db") };
  await fillJournal(journals.full, finished);
  await pass(join(folder.path, "warm-up.db"), 5_000);
  const rates = { empty: [] as number[], full: [] as number[] };
  const pages: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Which one is first makes a difference on a busy machine.
    const order = round % 2 === 0 ? (["empty", "full"] as const) : (["full", "empty"] as const);
    for (const name of order) {
      const passed = await pass(journals[name], events);
      rates[name].push(passed.rate);
      if (name === "full") pages.push(...passed.pages);
    }
  }
  expect(countRuns(journals.full), "each event made one run, which is kept").toBe(finished + rounds * events);
  return {
    empty: median(rates.empty),
    full: median(rates.full),
    ratio: median(rates.full.map((rate, round) => rate / (rates.empty[round] as number))),
    pageP99: percentile(pages, 99),
    pages: pages.length,
  };
}

async function pass(journal: string, events: number): Promise<{ rate: number; pages: number[] }> {
  let done = 0;
  await using orchestrator = await startPipeline(journal, { name: "work", run: () => void (done += 1) });
  const { history } = orchestrator;
  const pages: number[] = [];
  const seen = new Set<string>();
  let short = 0;
  let repeated = 0;
  const reading = new AbortController();
  const read = async (): Promise<void> => {
    let cursor: string | null = null;
    while (!reading.signal.aborted) {
      const asked = performance.now();
      const page: Awaited<ReturnType<typeof history.runs>> = await history.runs({
        limit: 50,
        ...(cursor !== null && { cursor }),
      });
      pages.push(performance.now() - asked);
      cursor = page.next;
      if (page.items.length < 50 && cursor !== null) short += 1;
      for (const run of page.items) {
        if (seen.has(run.id)) repeated += 1;
        seen.add(run.id);
      }
      if (cursor === null) seen.clear();
      await delay(5);
    }
  };
  // The first one starts the reading thread.
  await history.runs({ limit: 1 });
  const reader = read();
  const began = performance.now();
  await emitMany(orchestrator, events, (n) => ({ id: String(n), location: "orders", data: { n } }), 512);
  await orchestrator.idle();
  const rate = events / ((performance.now() - began) / 1_000);
  reading.abort();
  await reader;
  expect({ done, short, repeated }).toEqual({ done: events, short: 0, repeated: 0 });
  return { rate, pages };
}

function countRuns(journal: string): number {
  const database = new DatabaseSync(journal, { readOnly: true });
  try {
    return Number(database.prepare("select count(*) as n from runs where state = 3").get()?.["n"]);
  } finally {
    database.close();
  }
}
