import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/journal/work.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { formatRunId, isFinal } from "../../src/model/run.ts";
import { createUidSource } from "../../src/model/uid.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import { FAILURE, JournalTester } from "../../src/testing/journal/tester.ts";
import { createSeededRandom } from "../support/engine.ts";

const SUCCEEDED: Outcome = { type: "succeeded" };
const OUTCOMES: readonly Outcome[] = [
  SUCCEEDED,
  { type: "dead", error: FAILURE },
  { type: "retry", dueAt: 0, delay: 0, error: FAILURE },
  { type: "retry", dueAt: 0, delay: 0, error: FAILURE, postponed: true },
  { type: "released" },
];
const DEEDS = ["settle", "cancel", "replay"] as const;
type Deed = (typeof DEEDS)[number];

/** All orders in which these can be called. */
function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

const journals = [
  { name: "memory:", open: async () => ({ driver: createMemoryJournal(), remove: async () => undefined }) },
  {
    name: "sqlite:",
    open: async () => {
      const place = await createSqlitePlace();
      return { driver: place.driver(), remove: () => place.remove() };
    },
  },
];

describe.each(journals)("$name a settle that races a cancel and a replay", ({ open }) => {
  it.each(permutations(DEEDS).map((order) => ({ order, name: order.join(", ") })))(
    "called in the order $name: exactly what that order means, whatever the outcome",
    async ({ order }) => {
      const { driver, remove } = await open();
      const clock = createFakeClock();
      const random = createSeededRandom();
      const journal = await driver.open({ clock, random, logger: silentLogger });
      const t = new JournalTester(journal, clock, createUidSource(random));
      try {
        for (const outcome of OUTCOMES) await race(t, order, outcome);
      } finally {
        await journal.close();
        await remove();
      }
    },
  );
});

/** All three are under way at once; commits take effect in the order of their calls. */
async function race(t: JournalTester, order: readonly Deed[], outcome: Outcome): Promise<void> {
  const uid = await t.emit();
  const claim = await t.takeOne();
  const run = formatRunId(uid, "work");
  const emitted = [t.append({ to: ["after"] })];
  const results: Record<Deed, unknown> = { settle: undefined, cancel: undefined, replay: undefined };
  const deeds: Record<Deed, () => Promise<unknown>> = {
    settle: () => t.settle(claim, outcome, emitted),
    cancel: async () => (await t.cancel(run)).ok,
    replay: async () => (await t.control({ type: "replay", run })).ok,
  };
  await Promise.all(
    order.map(async (deed) => {
      results[deed] = await deeds[deed]();
    }),
  );
  const at = (deed: Deed): number => order.indexOf(deed);
  const ends = isEnd(outcome);
  // Whoever comes first wins: the settle of a run that was cancelled is stale, even when it was opened anew meanwhile.
  expect(results.settle).toBe(at("settle") < at("cancel") ? "settled" : "stale");
  // A dead run is opened anew by a replay; a succeeded one is not: its replay is another run.
  const isReopened = outcome.type === "dead" && at("settle") < at("replay") && at("replay") < at("cancel");
  const isOpenAtCancel = at("cancel") < at("settle") || !ends || isReopened;
  expect(results.cancel, `${order.join()} ${outcome.type}`).toBe(isOpenAtCancel);
  const isOverAtReplay = at("cancel") < at("replay") || (ends && at("settle") < at("replay"));
  expect(results.replay).toBe(isOverAtReplay);
  const kept = await t.takeNow("after");
  expect(kept).toHaveLength(results.settle === "settled" && outcome.type === "succeeded" ? 1 : 0);
  for (const one of kept) await t.settle(one);
  // Nothing is lost between the two: what is open can be taken, once each, and ends.
  await t.clock.advance(10);
  const left = await t.takeNow();
  expect(new Set(left.map((one) => `${one.event.uid}~${one.replay}`)).size).toBe(left.length);
  for (const one of left) expect(await t.settle(one)).toBe("settled");
  const { items } = await t.journal.history.runs({ event: uid });
  expect(items.map(({ state }) => isFinal(state))).not.toContain(false);
  expect(t.journal.openRuns()).toBe(0);
}

function isEnd({ type }: Outcome): boolean {
  return type === "succeeded" || type === "dead";
}
