import { describe, expect, it } from "vitest";
import type { Claim } from "../../journal/work.ts";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { DEAD, JournalTests, RELEASED, SUCCEEDED } from "./tester.ts";

/** Only the newest claim of a run may settle it, and fences only grow. */
export function testFencing(subject: JournalSubject): void {
  describe("fencing", () => {
    const tests = new JournalTests(subject);

    it("gives every claim a greater fence than all before", async () => {
      const t = await tests.open();
      await t.emitMany(20, () => ({ to: ["a", "b"] }));
      let last = 0;
      for (let i = 0; i < 40; i += 1) {
        const { fence } = await t.takeOne(i % 2 === 0 ? "a" : "b");
        expect(fence).toBeGreaterThan(last);
        last = fence;
      }
    });

    it("refuses to settle a claim twice", async () => {
      const t = await tests.open();
      await t.emit();
      const claim = await t.takeOne();
      expect(await t.settle(claim)).toBe("settled");
      expect(await t.settle(claim)).toBe("stale");
      expect(await t.settle(claim, DEAD)).toBe("stale");
    });

    it("refuses a second settle in the same commit", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const claim = await t.takeOne();
      const { settle } = await t.commit({ settle: [t.outcome(claim, DEAD), t.outcome(claim, SUCCEEDED)] });
      expect(settle).toEqual(["settled", "stale"]);
      expect(await t.stateOf(uid)).toBe("dead");
    });

    it("refuses an older claim once the run was taken anew", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const older = await t.takeOne();
      await t.settle(older, RELEASED);
      const newer = await t.takeOne();
      expect(newer.fence).toBeGreaterThan(older.fence);
      expect(await t.settle(older)).toBe("stale");
      expect(await t.settle(newer, DEAD)).toBe("settled");
      expect(await t.stateOf(uid)).toBe("dead");
    });

    it("keeps nothing that a stale attempt emitted, and lets the rest of its commit stand", async () => {
      const t = await tests.open();
      await t.emitMany(2);
      const [stale, good] = (await t.take("work", 2)) as [Claim, Claim];
      await t.settle(stale, DEAD);
      const emitted = [t.append({ trigger: "work", to: ["next"] })];
      const result = await t.commit({
        append: [t.append({ to: ["other"] })],
        settle: [t.outcome(stale, SUCCEEDED, emitted), t.outcome(good)],
      });
      expect(result.settle).toEqual(["stale", "settled"]);
      expect(await t.takeNow("next")).toEqual([]);
      expect(await t.takeNow("other")).toHaveLength(1);
    });

    it("refuses the claim of a run that was cancelled and opened anew", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const older = await t.takeOne();
      const run = formatRunId(uid, "work");
      await t.cancel(run);
      await t.control({ type: "replay", run });
      expect(await t.settle(older)).toBe("stale");
      const newer = await t.takeOne();
      expect(await t.settle(newer)).toBe("settled");
    });

    it("refuses it also while cancelling and replaying are under way", async () => {
      const t = await tests.open();
      const run = formatRunId(await t.emit(), "work");
      const older = await t.takeOne();
      const [, , settled] = await Promise.all([
        t.cancel(run),
        t.control({ type: "replay", run }),
        t.settle(older),
      ]);
      expect(settled).toBe("stale");
      expect(await t.settle(await t.takeOne())).toBe("settled");
    });

    if (!subject.capabilities.durable) return;

    it("gives greater fences after a restart, and after a crash", async () => {
      const place = await tests.place();
      const first = await tests.open(place);
      await first.emitMany(3);
      const before = await first.takeOne();
      const second = await tests.reopen(place, first);
      const after = await second.takeOne();
      expect(second.journal.epoch).toBeGreaterThan(first.journal.epoch);
      expect(after.fence).toBeGreaterThan(before.fence);
      const { t: third } = await tests.afterCrash(place, second);
      expect((await third.takeOne()).fence).toBeGreaterThan(after.fence);
    });

    it("refuses a claim of an earlier owner, also while the run is open, or taken anew", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const uid = await before.emit();
      const older = await before.takeOne();
      const t = await tests.reopen(place, before);
      expect(await t.settle(older)).toBe("stale");
      expect(await t.stateOf(uid)).toBe("queued");
      const newer = await t.takeOne();
      expect(await t.settle(older)).toBe("stale");
      expect(await t.settle(newer)).toBe("settled");
    });

    it("refuses it once the run is over, too", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      const older = await before.takeOne();
      const t = await tests.reopen(place, before);
      expect(await t.settle(await t.takeOne())).toBe("settled");
      expect(await t.settle(older)).toBe("stale");
    });
  });
}
