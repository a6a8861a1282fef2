import { join } from "node:path";
import { expect } from "vitest";
import { Hosted } from "../crash/hosted.ts";
import { readTrace, straceLauncher, toldTooEarly, type Injection } from "./strace.ts";

/** The disk failed, or is full: what the journal may answer while it does. */
const REFUSALS: ReadonlySet<string> = new Set(["JOURNAL_IO", "JOURNAL_FULL"]);

/** What was refused is emitted again later: it has its place in the line from then on. */
const LATE = /began after event \d+$/;

export interface FaultReport {
  /** Whether the host could not even start. */
  readonly stillborn: boolean;
  readonly refused: number;
}

/**
 * A host whose disk fails as told: what it acknowledges meanwhile was synced, it works again by itself when the disk
 * does, and a later life finds all that was acknowledged.
 */
export async function surviveFault(injection: Injection): Promise<FaultReport> {
  await using hosted = await Hosted.make({ processes: [{ name: "a" }, { name: "b", order: "key" }] });
  const { ledger } = hosted;
  const file = join(hosted.folder, "trace");
  await hosted.start(undefined, straceLauncher(file, injection));
  const stillborn = !hosted.isAlive;
  if (!stillborn) {
    await hosted.load(3_000, () => hosted.sent >= 120);
    await hosted.answered(10_000);
    const passes = !injection.when.endsWith("+");
    if (passes) {
      expect(await worksAgain(hosted), "events are taken once the disk works").toBe(true);
      await hosted.done(10_000);
      expect(ledger.missing(hosted.processes), "acknowledged, and not run since the disk works").toEqual([]);
    }
    expect(hosted.isAlive, "the host outlives its disk's failure").toBe(true);
    expect(hosted.unanswered, "left without an answer").toBe(0);
    expect(ledger.acknowledged.size + ledger.refused.size).toBe(hosted.sent);
  }
  await hosted.kill();
  expect(toldTooEarly(await readTrace(file), ledger.acknowledged), "told before it was synced").toEqual([]);

  const refused = ledger.refused.size;
  expect([...new Set(ledger.refused.values())].filter((code) => !REFUSALS.has(code))).toEqual([]);
  const seen = hosted.sent;
  await hosted.start();
  await hosted.load(3_000, () => hosted.sent >= seen + 40);
  await hosted.finish(20_000);
  expect(ledger.missing(hosted.processes)).toEqual([]);
  expect(ledger.problems.filter((problem) => !LATE.test(problem))).toEqual([]);
  expect(ledger.acknowledged.size).toBe(hosted.sent);
  return { stillborn, refused };
}

/** Whether one time all of some events are taken: a failure that lasts for some calls takes some commits to pass. */
async function worksAgain(hosted: Hosted): Promise<boolean> {
  for (let round = 0; round < 30; round += 1) {
    const before = { sent: hosted.sent, acknowledged: hosted.ledger.acknowledged.size };
    await hosted.load(3_000, () => hosted.sent >= before.sent + 5);
    await hosted.answered(10_000);
    if (hosted.ledger.acknowledged.size - before.acknowledged === hosted.sent - before.sent) return true;
  }
  return false;
}
