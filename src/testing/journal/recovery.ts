import { describe, expect, it } from "vitest";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { FAILURE, JournalTests, RELEASED, type JournalTester } from "./tester.ts";

const TWO = new Map([["work", 2]]);

async function suspectsOf(t: JournalTester, concurrency: ReadonlyMap<string, number> = TWO) {
  return t.journal.work.suspects(concurrency);
}

/** After an unclean stop, what may have been running is reported, and started one at a time. */
export function testRecovery(subject: JournalSubject): void {
  describe("recovery", () => {
    const tests = new JournalTests(subject);

    it("suspects nothing after a clean start", async () => {
      const t = await tests.open();
      expect(await suspectsOf(t)).toEqual([]);
      await t.journal.work.admit();
      await t.emit();
      expect(await t.takeNow()).toHaveLength(1);
    });

    if (!subject.capabilities.durable) return;

    it("suspects nothing after a clean stop, though runs were taken", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emitMany(3);
      await before.take("work", 2);
      const t = await tests.reopen(place, before);
      expect(await suspectsOf(t)).toEqual([]);
      expect(await t.takeNow()).toHaveLength(3);
    });

    it("reports after a crash what may have been running, the oldest first, without strikes", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const uids = await before.emitMany(3);
      await before.take("work", 2);
      const { t } = await tests.afterCrash(place, before);
      const suspects = await suspectsOf(t);
      const ids = suspects.map((suspect) => suspect.id);
      expect(ids.slice(0, 2)).toEqual(uids.slice(0, 2).map((uid) => formatRunId(uid, "work")));
      expect(suspects.every((suspect) => suspect.process === "work" && suspect.strikes === 0)).toBe(true);
    });

    it("keeps suspects from being taken until they are admitted", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const uids = await before.emitMany(3);
      const { t } = await tests.afterCrash(place, before);
      const suspects = await suspectsOf(t);
      const others = uids.length - suspects.length;
      expect(await t.takeNow()).toHaveLength(others);
      await t.journal.work.admit();
      expect(await t.takeNow()).toHaveLength(suspects.length);
    });

    it("wakes who waits for a suspect when it is admitted", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      const { t } = await tests.afterCrash(place, before);
      await suspectsOf(t);
      const taking = t.take();
      await t.barrier();
      await t.journal.work.admit();
      expect(await taking).toHaveLength(1);
    });

    it("claims a suspect alone, once", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const uid = await before.emit({ data: "1" });
      await before.takeOne();
      const { t } = await tests.afterCrash(place, before);
      const [suspect] = await suspectsOf(t);
      const claim = await t.journal.work.takeSuspect(suspect!.run);
      expect(claim).toMatchObject({ attempt: 1, process: "work", event: { uid, data: "1" } });
      expect(await t.journal.work.takeSuspect(suspect!.run)).toBeUndefined();
      await t.journal.work.admit();
      expect(await t.takeNow()).toEqual([]);
      expect(await t.settle(claim!)).toBe("settled");
      expect(await t.journal.work.takeSuspect(suspect!.run)).toBeUndefined();
    });

    it("suspects a retried run that was due, and none that was not", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const [due, later] = (await before.emitMany(2)) as [string, string];
      const claims = await before.take("work", 2);
      await before.retry(claims[0]!, 1_000);
      await before.retry(claims[1]!, 60_000);
      await before.clock.advance(1_000);
      const { t } = await tests.afterCrash(place, before);
      const ids = (await suspectsOf(t)).map((suspect) => suspect.id);
      expect(ids).toContain(formatRunId(due, "work"));
      expect(ids).not.toContain(formatRunId(later, "work"));
    });

    it("charges a run that kills its host with every time, and so sets it apart after the third", async () => {
      let place = await tests.place();
      let t = await tests.open(place);
      const [killer, innocent] = (await t.emitMany(2)) as [string, string];
      await t.take("work", 2);
      const strikes: number[] = [];
      for (let crash = 1; crash <= 3; crash += 1) {
        ({ place, t } = await tests.afterCrash(place, t));
        const suspects = await suspectsOf(t);
        const one = suspects.find((suspect) => suspect.id === formatRunId(killer, "work"));
        strikes.push(one!.strikes);
        if (crash === 1) {
          // The innocent one goes first once, and ends well.
          const other = suspects.find((suspect) => suspect.id === formatRunId(innocent, "work"));
          await t.settle((await t.journal.work.takeSuspect(other!.run))!);
        }
        if (crash < 3) await t.journal.work.takeSuspect(one!.run);
        else await t.control({ type: "setAside", run: one!.run, error: FAILURE });
      }
      expect(strikes).toEqual([0, 2, 3]);
      expect(await t.stateOf(killer)).toBe("dead");
      expect(await t.stateOf(innocent)).toBe("succeeded");
      const { t: after } = await tests.afterCrash(place, t);
      expect(await suspectsOf(after)).toEqual([]);
    });

    it("charges nobody for a crash before a suspect was started anew", async () => {
      let place = await tests.place();
      let t = await tests.open(place);
      await t.emit();
      await t.takeOne();
      for (let crash = 1; crash <= 4; crash += 1) {
        ({ place, t } = await tests.afterCrash(place, t));
        expect((await suspectsOf(t)).map((suspect) => suspect.strikes)).toEqual([0]);
      }
    });

    it("charges only the one that was started last", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emitMany(2);
      await before.take("work", 2);
      const { place: second, t } = await tests.afterCrash(place, before);
      for (const suspect of await suspectsOf(t)) await t.journal.work.takeSuspect(suspect.run);
      const { t: after } = await tests.afterCrash(second, t);
      const [first, last] = await suspectsOf(after);
      expect(last!.strikes).toBeGreaterThan(first!.strikes);
    });

    it("forgets strikes once a run was settled, whatever its outcome", async () => {
      let place = await tests.place();
      let t = await tests.open(place);
      await t.emit();
      await t.takeOne();
      ({ place, t } = await tests.afterCrash(place, t));
      const [suspect] = await suspectsOf(t);
      await t.settle((await t.journal.work.takeSuspect(suspect!.run))!, RELEASED);
      ({ place, t } = await tests.afterCrash(place, t));
      expect((await suspectsOf(t)).map((one) => one.strikes)).toEqual([0]);
    });

    it("costs no attempt to have been running when the host died", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      await before.takeOne();
      const { t } = await tests.afterCrash(place, before);
      expect(await t.takeOne()).toMatchObject({ attempt: 1 });
    });
  });
}
