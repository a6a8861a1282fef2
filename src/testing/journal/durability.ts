import { describe, expect, it } from "vitest";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { DEAD, expectCode, JournalTests } from "./tester.ts";

/** What was acknowledged is there for the next owner, whatever became of the last. */
export function testDurability(subject: JournalSubject): void {
  if (!subject.capabilities.durable) return;
  describe("durability", () => {
    const tests = new JournalTests(subject);

    it("keeps events, runs, attempts and logs over a restart", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const init = { data: '{"a":1}', headers: '{"h":"v"}', key: "k", cause: { runs: ["x"], hops: 2 } };
      const uid = await before.emit(init);
      const claim = await before.takeOne();
      await before.commit({ logs: [{ claim, time: 1, stream: "log", text: "line" }] });
      await before.retry(claim, 1_000);
      const id = formatRunId(uid, "work");
      const read = async ({ journal: { history } }: typeof before) => [
        await history.event(uid),
        await history.run(id),
        await history.attempts(id),
        await history.logs(id),
        await history.counters(),
      ];
      const seen = await read(before);
      const t = await tests.reopen(place, before);
      expect(await read(t)).toEqual(seen);
      await t.clock.advance(1_000);
      expect((await t.takeOne()).event).toEqual(t.event({ uid, ...init, time: before.clock.now() - 1_000 }));
    });

    it("keeps any text, also what is no valid Unicode", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const texts = ["\ud800", "a\udc00b\u0000c", "\u0001\ud800", "\u0001plain", "\ud83d\ude00", ""];
      const events = texts.map((text) =>
        before.append({ id: text, location: text, key: text, data: JSON.stringify(text), dedupe: text }),
      );
      await before.commit({ append: events });
      const t = await tests.reopen(place, before);
      const claims = await t.takeAll();
      expect(claims.map((claim) => claim.event)).toEqual(events.map((append) => append.event));
      const { items } = await t.journal.history.events({});
      expect(items.map((event) => [event.id, event.location, event.key, event.data])).toEqual(
        texts.map((text) => [text, text, text, text]).toReversed(),
      );
      const again = texts.map((dedupe) => t.append({ dedupe }));
      expect((await t.commit({ append: again })).append.every((result) => result.duplicate)).toBe(true);
    });

    it("keeps its id, and gives each owner a new epoch", async () => {
      const place = await tests.place();
      const first = await tests.open(place);
      const second = await tests.reopen(place, first);
      const { t: third } = await tests.afterCrash(place, second);
      expect(new Set([first, second, third].map((t) => t.journal.id)).size).toBe(1);
      expect([first, second, third].map((t) => t.journal.epoch)).toEqual([1, 2, 3]);
    });

    it("says whether the last owner closed it", async () => {
      const place = await tests.place();
      const first = await tests.open(place);
      expect(first.journal.stoppedCleanly).toBe(true);
      const second = await tests.reopen(place, first);
      expect(second.journal.stoppedCleanly).toBe(true);
      const { t: third } = await tests.afterCrash(place, second);
      expect(third.journal.stoppedCleanly).toBe(false);
    });

    it("has every acknowledged event after a crash, in the middle of a stream of commits", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const acknowledged: string[] = [];
      const streams = Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 20; i += 1) acknowledged.push(await before.emit());
      });
      await before.emit();
      const known = [...acknowledged];
      const { t } = await tests.afterCrash(place, before);
      const found = new Set((await t.takeAll()).map((claim) => claim.event.uid));
      for (const uid of known) expect(found.has(uid)).toBe(true);
      await Promise.all(streams);
    });

    it("keeps outcomes after a crash: nothing that was settled is handed out again", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const uids = await before.emitMany(10);
      const claims = await before.take("work", 6);
      await before.commit({
        settle: claims
          .slice(0, 4)
          .map((claim, index) => before.outcome(claim, index === 3 ? DEAD : { type: "succeeded" })),
      });
      const { t } = await tests.afterCrash(place, before);
      expect((await t.takeAll()).map((claim) => claim.event.uid)).toEqual(uids.slice(4));
      expect(t.journal.openRuns()).toBe(6);
    });

    it("keeps a commit whole or not at all", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit({ to: ["start"] });
      const emitted = ["a", "b", "c"].map((process) => before.append({ to: [process] }));
      await before.settle(await before.takeOne("start"), { type: "succeeded" }, emitted);
      const { t } = await tests.afterCrash(place, before);
      for (const process of ["a", "b", "c"]) expect(await t.takeNow(process)).toHaveLength(1);
      expect(await t.takeNow("start")).toEqual([]);
    });

    it("finishes at a close what was committed before it", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const emitting = Array.from({ length: 50 }, () => before.emit());
      await before.journal.close();
      const uids = await Promise.all(emitting);
      const t = await tests.open(place);
      expect((await t.takeAll()).map((claim) => claim.event.uid)).toEqual(uids);
    });

    it("is owned by one at a time", async () => {
      const place = await tests.place();
      const owner = await tests.open(place);
      await expectCode(tests.open(place), "JOURNAL_OWNED");
      await owner.emit();
      const t = await tests.reopen(place, owner);
      expect(await t.takeNow()).toHaveLength(1);
    });

    it("counts the same after a crash as before", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emitMany(9, () => ({ to: ["work", "other"] }));
      for (const claim of await before.take("work", 4)) await before.settle(claim);
      const { t } = await tests.afterCrash(place, before);
      expect(await t.journal.history.counters()).toEqual({
        oldest: expect.anything(),
        events: { orders: 9 },
        runs: { work: { queued: 5, succeeded: 4 }, other: { queued: 9 } },
      });
      expect(t.journal.openRuns()).toBe(14);
    });
  });
}
