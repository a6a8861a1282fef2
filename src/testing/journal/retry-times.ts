import { describe, expect, it } from "vitest";
import type { Claim } from "../../journal/work.ts";
import type { JournalSubject } from "./subject.ts";
import { FAILURE, JournalTests, RELEASED } from "./tester.ts";

/** A retried run comes back when it is due: not before, and not much later, whatever the wall clock does. */
export function testRetryTimes(subject: JournalSubject): void {
  describe("retry times", () => {
    const tests = new JournalTests(subject);

    it("hands a retried run out once it is due, as its next attempt", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      await t.retry(await t.takeOne(), 1_000);
      await t.clock.advance(999);
      expect(await t.takeNow()).toEqual([]);
      await t.clock.advance(1);
      expect(await t.takeOne()).toMatchObject({ attempt: 2, event: { uid } });
    });

    it("wakes who waits", async () => {
      const t = await tests.open();
      await t.emit();
      await t.retry(await t.takeOne(), 60_000);
      const taking = t.take();
      await t.barrier();
      await t.clock.advance(60_000);
      expect(await taking).toHaveLength(1);
    });

    it("hands out runs as each comes due", async () => {
      const t = await tests.open();
      await t.emitMany(3, (index) => ({ id: String(index) }));
      const claims = await t.take("work", 3);
      for (const [index, claim] of claims.entries())
        await t.retry(claim, [3_000, 1_000, 2_000][index] as number);
      for (const id of ["1", "2", "0"]) {
        await t.clock.advance(1_000);
        expect((await t.takeNow()).map((claim) => claim.event.id)).toEqual([id]);
      }
    });

    it("counts attempts, and says when the next is due", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      for (let attempt = 1; attempt <= 4; attempt += 1) {
        const claim = await t.takeOne();
        expect(claim.attempt).toBe(attempt);
        await t.retry(claim, 1_000);
        const due = new Date(t.clock.now() + 1_000).toISOString();
        expect((await t.journal.history.runs({ event: uid })).items[0]).toMatchObject({
          state: "retrying",
          attempts: attempt,
          dueAt: due,
          error: FAILURE,
        });
        await t.clock.advance(1_000);
      }
    });

    it("takes a delay of nothing", async () => {
      const t = await tests.open();
      await t.emit();
      await t.retry(await t.takeOne(), 0);
      const taking = t.take();
      await t.clock.advance(0);
      await t.clock.advance(1);
      expect(await taking).toHaveLength(1);
    });

    it("keeps a retried run that is handed back due", async () => {
      const t = await tests.open();
      await t.emit();
      await t.retry(await t.takeOne(), 1_000);
      await t.clock.advance(1_000);
      await t.settle(await t.takeOne(), RELEASED);
      expect(await t.takeOne()).toMatchObject({ attempt: 2 });
    });

    it("brings back thousands that are due together, each once", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(3_000);
      const claims = await t.takeAll();
      const dueAt = t.clock.now() + 5_000;
      const settle = claims.map((claim: Claim) =>
        t.outcome(claim, { type: "retry", dueAt, delay: 5_000, error: FAILURE }),
      );
      await t.commit({ settle });
      await t.barrier();
      await t.clock.advance(5_000);
      await t.barrier();
      const again = await t.takeAll();
      expect(new Set(again.map((claim) => claim.event.uid))).toEqual(new Set(uids));
      expect(again).toHaveLength(uids.length);
    });

    it("does not freeze a retry when the clock is set back", async () => {
      const t = await tests.open();
      await t.emit();
      await t.retry(await t.takeOne(), 10_000);
      await t.barrier();
      t.clock.step(-3_600_000);
      const taking = t.take();
      for (let i = 0; i < 3; i += 1) {
        await t.clock.advance(10_000);
        await t.barrier();
      }
      expect(await taking).toHaveLength(1);
    });

    if (!subject.capabilities.durable) return;

    it("keeps the time over a restart", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      await before.retry(await before.takeOne(), 60_000);
      const t = await tests.reopen(place, before);
      await t.clock.advance(59_000);
      expect(await t.takeNow()).toEqual([]);
      await t.clock.advance(1_000);
      expect(await t.takeOne()).toMatchObject({ attempt: 2 });
    });

    it("clamps a retry to its delay if the clock was set back between two owners", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      await before.retry(await before.takeOne(), 60_000);
      await before.journal.close();
      before.clock.step(-86_400_000);
      const t = await tests.open(place, { clock: before.clock });
      const taking = t.take();
      await t.barrier();
      await t.clock.advance(60_000);
      expect(await taking).toHaveLength(1);
    });
  });
}
