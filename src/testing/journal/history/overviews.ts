import { describe, expect, it } from "vitest";
import type { Claim } from "../../../journal/work.ts";
import type { JournalSubject } from "../subject.ts";
import { DEAD, expectCode, JournalTests } from "../tester.ts";

/** What people read of many runs at once. */
export function testOverviews(subject: JournalSubject): void {
  describe("overviews", () => {
    const tests = new JournalTests(subject);

    it("groups dead runs by process and code, the largest group first", async () => {
      const t = await tests.open();
      await t.emitMany(3, () => ({ to: ["a"] }));
      await t.emit({ to: ["b"] });
      for (const claim of await t.take("a", 3)) await t.settle(claim, DEAD);
      await t.settle(await t.takeOne("b"), { type: "dead", error: { code: "TIMEOUT", message: "slow" } });
      const groups = await t.journal.history.deadLetters();
      expect(groups.map(({ process, error, count }) => [process, error.code, count])).toEqual([
        ["a", "RUN_FAILED", 3],
        ["b", "TIMEOUT", 1],
      ]);
      expect(groups[0]?.newest).toMatchObject({ process: "a", state: "dead" });
    });

    it("takes for one error what differs in numbers, ids and quoted values only", async () => {
      const t = await tests.open();
      await t.emitMany(4, () => ({ to: ["a"] }));
      const messages = [
        'order 17 of "Ann" is late',
        'order 4 of "Bob" is late',
        "order is late",
        "order 5 of 'C' is late",
      ];
      for (const [index, claim] of (await t.take("a", 4)).entries()) {
        const message = messages[index] as string;
        await t.settle(claim, { type: "dead", error: { code: "RUN_FAILED", message } });
      }
      const groups = await t.journal.history.deadLetters();
      expect(groups.map(({ count }) => count)).toEqual([3, 1]);
      const [large, small] = groups;
      expect(large?.error.message).toBe(messages[3]);
      expect(large?.samples).toHaveLength(3);
      expect(large?.samples[0]).toBe(large?.newest.id);
      expect(Date.parse(large?.firstSeen ?? "")).toBeLessThanOrEqual(Date.parse(large?.lastSeen ?? ""));
      expect(Date.parse(large?.firstSeen ?? "")).toBeGreaterThan(0);
      const { items } = await t.journal.history.runs({
        state: "dead",
        fingerprint: large?.fingerprint as string,
      });
      expect(items.map(({ id }) => id)).toEqual(large?.samples);
      expect(small?.fingerprint).not.toBe(large?.fingerprint);
    });

    it("counts events per trigger and runs per state", async () => {
      const t = await tests.open();
      await t.emitMany(5, (index) => ({ dedupe: `d${index}` }));
      await t.emit({ dedupe: "d0" });
      await t.emitMany(2, () => ({ trigger: "keyed", key: "k", to: [{ process: "work", key: "k" }] }));
      const claims = (await t.take("work", 4)) as [Claim, Claim, Claim, Claim];
      await t.commit({ settle: [t.outcome(claims[0]), t.outcome(claims[1], DEAD)] });
      await t.retry(claims[2], 60_000);
      expect(await t.journal.history.counters()).toEqual({
        oldest: expect.anything(),
        events: { orders: 5, keyed: 2 },
        runs: { work: { queued: 2, waiting: 1, running: 1, retrying: 1, succeeded: 1, dead: 1 } },
      });
    });

    it("refuses a query that is none", async () => {
      const t = await tests.open();
      await t.emitMany(3);
      const { history } = t.journal;
      for (const limit of [0, -1, 1.5, 1_001, 1e9, Number.NaN])
        await expectCode(history.events({ limit }), "INVALID_QUERY");
      for (const cursor of ["", "x", "999", "../etc", "bm9uZQ", "\u0000"]) {
        await expectCode(history.events({ cursor }), "INVALID_QUERY");
        await expectCode(history.runs({ cursor }), "INVALID_QUERY");
        await expectCode(history.runs({ cursor, oldestFirst: true }), "INVALID_QUERY");
      }
      const { next } = await history.events({ limit: 1 });
      await expectCode(history.runs({ cursor: next as string }), "INVALID_QUERY");
      const oldest = (await history.runs({ limit: 1, oldestFirst: true })).next as string;
      await expectCode(history.runs({ cursor: oldest }), "INVALID_QUERY");
      await expectCode(history.runs({ state: "lost" as never }), "INVALID_QUERY");
    });
  });
}
