import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { Hosted } from "./hosted.ts";

/** How long that takes at the most, in milliseconds. */
export function longestTime(kills: number): number {
  return kills * 3_000 + 120_000;
}

/** Kills an orchestrator under steady load, again and again, and holds it to what it acknowledged. */
export async function killUnderLoad(kills: number): Promise<void> {
  await using hosted = await Hosted.make({
    processes: [{ name: "quick" }, { name: "slow", takes: 15 }, { name: "ordered", order: "key", takes: 2 }],
  });
  for (let kill = 0; kill < kills; kill += 1) {
    await hosted.start();
    await hosted.load(300, livesFor(150 + Math.random() * 400, hosted));
    await hosted.kill();
  }
  await hosted.start();
  await hosted.finish(60_000);
  await delay(200);
  await hosted.kill("SIGTERM");

  const { ledger } = hosted;
  const runs = ledger.runs.size;
  process.stdout.write(
    `${kills} kills, ${ledger.acknowledged.size} events acknowledged, ${runs} runs, ` +
      `${ledger.missing(hosted.processes).length} lost, ${ledger.extraAttempts()} extra attempts\n`,
  );
  expect({ lost: ledger.missing(hosted.processes).slice(0, 20), errors: ledger.errors.slice(-20) }).toEqual({
    lost: [],
    errors: [],
  });
  expect(ledger.problems).toEqual([]);
  expect(ledger.refused.size).toBe(0);
  expect(ledger.acknowledged.size).toBe(hosted.sent);
  await everyRunSucceeded(hosted);
}

/**
 * Says when that time is over, counted from the first run of this life: on a machine so busy that several lives end
 * before a run does, that run would rightly be set aside as the one that kills its host.
 */
function livesFor(milliseconds: number, { ledger }: Hosted): () => boolean {
  const before = ledger.runs.size;
  let until = Number.POSITIVE_INFINITY;
  return () => {
    if (until === Number.POSITIVE_INFINITY && ledger.runs.size > before)
      until = performance.now() + milliseconds;
    return performance.now() >= until;
  };
}

async function everyRunSucceeded(hosted: Hosted): Promise<void> {
  await using orchestrator = new Orchestrator({ journal: `sqlite:${hosted.journal}` });
  await orchestrator.start();
  const { runs } = await orchestrator.history.counters();
  const all = hosted.processes.map((name) =>
    Object.entries(runs[name] ?? {}).filter(([, count]) => count !== 0),
  );
  expect(all).toEqual(hosted.processes.map(() => [["succeeded", hosted.sent]]));
}
