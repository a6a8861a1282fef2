import { describe, expect, it } from "vitest";
import type { Claim } from "../../journal/work.ts";
import type { JournalSubject } from "./subject.ts";
import { DEAD, expectCode, FAILURE, JournalTests, RELEASED } from "./tester.ts";

/** Runs are handed out once, oldest first, and end as their outcome says. */
export function testTakeAndSettle(subject: JournalSubject): void {
  describe("take and settle", () => {
    const tests = new JournalTests(subject);

    it("hands out a run with its event, its first attempt and a fence", async () => {
      const t = await tests.open();
      const init = { data: '{"total":1}', headers: '{"a":"b"}', key: "k", id: "7" };
      const uid = await t.emit(init);
      const claim = await t.takeOne();
      expect(claim).toMatchObject({ process: "work", attempt: 1, replay: 0, replayOf: null });
      expect(claim.event).toEqual(t.event({ uid, ...init }));
      expect(Number.isSafeInteger(claim.fence)).toBe(true);
    });

    it("hands out the oldest first, no more than asked for, and none twice", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(5);
      const first = await t.take("work", 2);
      const rest = await t.take("work", 10);
      expect(first).toHaveLength(2);
      expect([...first, ...rest].map((claim) => claim.event.uid)).toEqual(uids);
      expect(await t.takeNow()).toEqual([]);
    });

    it("gives an event to every process that it was routed to", async () => {
      const t = await tests.open();
      const uid = await t.emit({ to: ["a", "b"] });
      expect((await t.takeOne("a")).event.uid).toBe(uid);
      expect((await t.takeOne("b")).event.uid).toBe(uid);
    });

    it("keeps an event that went nowhere", async () => {
      const t = await tests.open();
      const uid = await t.emit({ to: [] });
      expect(await t.journal.history.event(uid)).toMatchObject({ uid });
      expect(t.journal.openRuns()).toBe(0);
    });

    it("waits for a run that comes later", async () => {
      const t = await tests.open();
      const taking = t.take();
      const uid = await t.emit();
      expect((await taking)[0]?.event.uid).toBe(uid);
    });

    it("answers nothing once the signal aborts, and goes on afterwards", async () => {
      const t = await tests.open();
      const abort = new AbortController();
      const taking = t.journal.work.take("work", 1, abort.signal);
      abort.abort();
      expect(await taking).toEqual([]);
      expect(await t.journal.work.take("work", 1, abort.signal)).toEqual([]);
      const uid = await t.emit();
      expect((await t.takeOne()).event.uid).toBe(uid);
    });

    it("ends a run as its outcome says", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(3);
      const [a, b, c] = (await t.take("work", 3)) as [Claim, Claim, Claim];
      const cancelled = t.outcome(c, { type: "cancelled", error: FAILURE });
      await t.commit({ settle: [t.outcome(a), t.outcome(b, DEAD), cancelled] });
      const states = await Promise.all(uids.map((uid) => t.stateOf(uid)));
      expect(states).toEqual(["succeeded", "dead", "cancelled"]);
      expect(t.journal.openRuns()).toBe(0);
    });

    it("commits what an attempt emitted together with its success", async () => {
      const t = await tests.open();
      await t.emit();
      const emitted = [t.append({ trigger: "work", to: ["next"] })];
      expect(await t.settle(await t.takeOne(), { type: "succeeded" }, emitted)).toBe("settled");
      expect((await t.takeOne("next")).event.trigger).toBe("work");
    });

    it("keeps nothing that an attempt emitted which did not succeed", async () => {
      const t = await tests.open();
      await t.emit();
      await t.settle(await t.takeOne(), DEAD, [t.append({ trigger: "work", to: ["next"] })]);
      expect(await t.takeNow("next")).toEqual([]);
      expect((await t.journal.history.events({ trigger: "work" })).items).toEqual([]);
    });

    it("makes a run that is dead from the beginning, and hands it to nobody", async () => {
      const t = await tests.open();
      const uid = await t.emit({ to: [{ process: "work", dead: FAILURE }] });
      expect(await t.stateOf(uid)).toBe("dead");
      expect(await t.takeNow()).toEqual([]);
      expect(t.journal.openRuns()).toBe(0);
    });

    it("counts what is queued and what is taken as open", async () => {
      const t = await tests.open();
      await t.emitMany(3);
      const claim = await t.takeOne();
      expect(t.journal.openRuns()).toBe(3);
      await t.settle(claim);
      expect(t.journal.openRuns()).toBe(2);
    });

    it("says that runs came to their end", async () => {
      const t = await tests.open();
      await t.emit();
      const claim = await t.takeOne();
      t.changes.length = 0;
      await t.settle(claim);
      await t.barrier();
      expect(t.changes).toContainEqual({ type: "progress" });
    });

    it("hands out a backlog larger than any window, each run once and in order", async () => {
      const t = await tests.open();
      const uids: string[] = [];
      for (let i = 0; i < 12; i += 1) uids.push(...(await t.emitMany(1_000)));
      const taken: string[] = [];
      while (taken.length < uids.length) {
        const claims = await t.take("work", 700);
        taken.push(...claims.map((claim) => claim.event.uid));
        await t.commit({ settle: claims.map((claim) => t.outcome(claim)) });
      }
      expect(taken).toEqual(uids);
      expect(t.journal.openRuns()).toBe(0);
    });

    it("keeps the order while new runs come and a backlog is read", async () => {
      const t = await tests.open();
      const uids: string[] = [];
      const taken: string[] = [];
      for (let i = 0; i < 30; i += 1) {
        uids.push(...(await t.emitMany(400)));
        taken.push(...(await t.take("work", 150)).map((claim) => claim.event.uid));
      }
      taken.push(...(await t.takeAll()).map((claim) => claim.event.uid));
      expect(taken).toEqual(uids);
    });

    it("hands out every run exactly once while runs are handed back at random", async () => {
      const t = await tests.open();
      const uids = new Set(await t.emitMany(3_000));
      let turn = 0;
      while (t.journal.openRuns() > 0) {
        const claims = await t.take("work", 211);
        const settles = claims.map((claim) =>
          t.outcome(claim, turn++ % 5 === 0 ? RELEASED : { type: "succeeded" }),
        );
        for (const settle of settles) {
          if (settle.outcome.type === "succeeded") expect(uids.delete(settle.claim.event.uid)).toBe(true);
        }
        await t.commit({ settle: settles });
      }
      expect(uids.size).toBe(0);
    });

    it("refuses everything once it is closed, and closing twice is harmless", async () => {
      const t = await tests.open();
      await t.journal.close();
      await t.journal.close();
      await expectCode(t.emit(), "JOURNAL_CLOSED");
      await expectCode(t.take(), "JOURNAL_CLOSED");
    });

    it("ends a wait when it is closed", async () => {
      const t = await tests.open();
      const taking = expectCode(t.take(), "JOURNAL_CLOSED");
      await t.barrier();
      await t.journal.close();
      await taking;
    });
  });
}
