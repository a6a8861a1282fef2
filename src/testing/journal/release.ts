import { describe, expect, it } from "vitest";
import type { Claim } from "../../journal/work.ts";
import type { JournalSubject } from "./subject.ts";
import { FAILURE, JournalTests, RELEASED } from "./tester.ts";

/** What was handed back costs nothing. */
export function testRelease(subject: JournalSubject): void {
  describe("release", () => {
    const tests = new JournalTests(subject);

    it("makes a run due at once, without the cost of an attempt", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const first = await t.takeOne();
      expect(await t.settle(first, RELEASED)).toBe("settled");
      const second = await t.takeOne();
      expect(second).toMatchObject({ attempt: 1, event: { uid } });
      expect(second.fence).toBeGreaterThan(first.fence);
    });

    it("puts it before younger runs", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(3);
      const claims = (await t.take("work", 2)) as [Claim, Claim];
      await t.commit({ settle: claims.map((claim) => t.outcome(claim, RELEASED)) });
      expect((await t.takeNow()).map((claim) => claim.event.uid)).toEqual(uids);
    });

    it("counts a run that was tried before as queued again", async () => {
      const t = await tests.open();
      await t.emit();
      await t.settle(await t.takeOne(), { type: "retry", dueAt: t.clock.now(), delay: 0, error: FAILURE });
      await t.clock.advance(1);
      await t.barrier();
      await t.settle(await t.takeOne(), RELEASED);
      expect((await t.journal.history.counters()).runs["work"]).toEqual({ queued: 1 });
    });

    it("wakes who waits", async () => {
      const t = await tests.open();
      await t.emit();
      const claim = await t.takeOne();
      const taking = t.take();
      await t.settle(claim, RELEASED);
      expect(await taking).toHaveLength(1);
    });

    it("keeps the attempt in the run's history", async () => {
      const t = await tests.open();
      await t.emit();
      const first = await t.takeOne();
      await t.settle(first, RELEASED);
      await t.settle(await t.takeOne());
      const [run] = (await t.journal.history.runs({})).items;
      const attempts = await t.journal.history.attempts(run?.id as string);
      expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
        [1, "released"],
        [1, "succeeded"],
      ]);
      expect(run).toMatchObject({ state: "succeeded", attempts: 1 });
    });

    if (!subject.capabilities.durable) return;

    it("leaves what is still taken at a close due for the next owner, without the cost of an attempt", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      await before.takeOne();
      const t = await tests.reopen(place, before);
      expect(t.journal.stoppedCleanly).toBe(true);
      expect(t.journal.openRuns()).toBe(1);
      expect(await t.takeOne()).toMatchObject({ attempt: 1 });
    });
  });
}
