import { describe, expect, it } from "vitest";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { DEAD, JournalTests, NOWHERE } from "./tester.ts";

/** Runs that are to be done again. */
export function testReplay(subject: JournalSubject): void {
  describe("replay", () => {
    const tests = new JournalTests(subject);

    it("opens a dead run under its id, its attempts counted anew", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const run = formatRunId(uid, "work");
      await t.retry(await t.takeOne(), 0);
      await t.clock.advance(1);
      await t.settle(await t.takeOne(), DEAD);
      expect(await t.control({ type: "replay", run })).toEqual({ ok: true, run, runs: 1 });
      expect(t.journal.openRuns()).toBe(1);
      const claim = await t.takeOne();
      expect(claim).toMatchObject({ attempt: 1, replay: 0, replayOf: null, event: { uid } });
      await t.settle(claim);
      expect(await t.journal.history.run(run)).toMatchObject({ state: "succeeded", error: null });
    });

    it("opens a cancelled run under its id", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      await t.cancel(formatRunId(uid, "work"));
      await t.control({ type: "replay", run: formatRunId(uid, "work") });
      expect(await t.takeNow()).toHaveLength(1);
    });

    it("makes a new run of a succeeded one", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      await t.settle(await t.takeOne());
      const run = formatRunId(uid, "work");
      for (let n = 1; n <= 3; n += 1) {
        const made = formatRunId(uid, "work", n);
        expect(await t.control({ type: "replay", run })).toEqual({ ok: true, run: made, runs: 1 });
        const claim = await t.takeOne();
        expect(claim).toMatchObject({ replay: n, replayOf: run, attempt: 1 });
        await t.settle(claim);
        expect(await t.journal.history.run(made)).toMatchObject({ state: "succeeded", replayOf: run });
      }
    });

    it("replays a replay", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      await t.settle(await t.takeOne());
      await t.control({ type: "replay", run: formatRunId(uid, "work") });
      await t.settle(await t.takeOne());
      const result = await t.control({ type: "replay", run: formatRunId(uid, "work", 1) });
      expect(result).toMatchObject({ run: formatRunId(uid, "work", 2) });
      expect((await t.takeOne()).replayOf).toBe(formatRunId(uid, "work", 1));
    });

    it("takes another payload, in a new run", async () => {
      const t = await tests.open();
      const uid = await t.emit({ data: '{"total":-1}' });
      await t.settle(await t.takeOne(), DEAD);
      const run = formatRunId(uid, "work");
      await t.control({ type: "replay", run, data: '{"total":1}' });
      expect(await t.takeOne()).toMatchObject({
        replay: 1,
        replayOf: run,
        event: { uid, data: '{"total":1}' },
      });
      expect(await t.stateOf(uid)).toBe("dead");
      expect(await t.journal.history.event(uid)).toMatchObject({ data: { total: -1 } });
      expect(await t.journal.history.run(`${run}~1`)).toMatchObject({ data: { total: 1 } });
      expect(await t.journal.history.run(run)).not.toHaveProperty("data");
    });

    it("refuses an open run, and one that is not there", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const run = formatRunId(uid, "work");
      expect(await t.control({ type: "replay", run })).toMatchObject({ ok: false, why: "state" });
      await t.takeOne();
      expect(await t.control({ type: "replay", run })).toMatchObject({ ok: false, why: "state" });
      const missing = await t.control({ type: "replay", run: formatRunId(NOWHERE, "work") });
      expect(missing).toMatchObject({ ok: false, why: "not_found" });
    });

    it("replays many at once, each handed out once", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(1_500);
      const claims = await t.takeAll();
      await t.commit({ settle: claims.map((claim) => t.outcome(claim, DEAD)) });
      await t.emitMany(10);
      const control = uids.map((uid) => ({ type: "replay" as const, run: formatRunId(uid, "work") }));
      const results = (await t.commit({ control })).control;
      expect(results.every((result) => result.ok)).toBe(true);
      const again = (await t.takeAll()).map((claim) => claim.event.uid);
      expect(again).toHaveLength(1_510);
      expect(new Set(again).size).toBe(1_510);
    });
  });
}
