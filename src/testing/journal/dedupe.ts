import { describe, expect, it } from "vitest";
import type { JournalSubject } from "./subject.ts";
import { JournalTests, SUCCEEDED } from "./tester.ts";

/** A delivery is taken once. */
export function testDedupe(subject: JournalSubject): void {
  describe("dedupe", () => {
    const tests = new JournalTests(subject);

    it("answers a second delivery with the uid of the first, and makes no run", async () => {
      const t = await tests.open();
      const uid = await t.emit({ dedupe: "d1" });
      const { append } = await t.commit({ append: [t.append({ dedupe: "d1" })] });
      expect(append).toEqual([{ uid, duplicate: true }]);
      expect(await t.takeAll()).toHaveLength(1);
    });

    it("knows a delivery per trigger only", async () => {
      const t = await tests.open();
      await t.emit({ dedupe: "d1", trigger: "a" });
      const { append } = await t.commit({ append: [t.append({ dedupe: "d1", trigger: "b" })] });
      expect(append[0]?.duplicate).toBe(false);
    });

    it("knows a uid over all triggers", async () => {
      const t = await tests.open();
      const uid = await t.emit({ trigger: "a" });
      const { append } = await t.commit({ append: [t.append({ uid, trigger: "b" })] });
      expect(append).toEqual([{ uid, duplicate: true }]);
    });

    it("takes uids in any order, and knows each again", async () => {
      const t = await tests.open();
      const uids = Array.from({ length: 20 }, () => t.event().uid).toReversed();
      for (const uid of uids) expect(await t.emit({ uid })).toBe(uid);
      const { append } = await t.commit({ append: uids.map((uid) => t.append({ uid })) });
      expect(append).toEqual(uids.map((uid) => ({ uid, duplicate: true })));
    });

    it("finds a duplicate within one commit", async () => {
      const t = await tests.open();
      const { append } = await t.commit({ append: [t.append({ dedupe: "d1" }), t.append({ dedupe: "d1" })] });
      expect(append.map((result) => result.duplicate)).toEqual([false, true]);
      expect(append[1]?.uid).toBe(append[0]?.uid);
    });

    it("finds a duplicate among commits that are under way together", async () => {
      const t = await tests.open();
      const commits = Array.from({ length: 5 }, () => t.commit({ append: [t.append({ dedupe: "d1" })] }));
      const appends = (await Promise.all(commits)).map((result) => result.append[0]);
      expect(appends.map((result) => result?.duplicate)).toEqual([false, true, true, true, true]);
      expect(new Set(appends.map((result) => result?.uid)).size).toBe(1);
    });

    it("takes new events beside duplicates", async () => {
      const t = await tests.open();
      await t.emit({ dedupe: "d1" });
      const { append } = await t.commit({ append: [t.append(), t.append({ dedupe: "d1" }), t.append()] });
      expect(append.map((result) => result.duplicate)).toEqual([false, true, false]);
      expect(await t.takeAll()).toHaveLength(3);
    });

    it("passes over a duplicate among what an attempt emitted", async () => {
      const t = await tests.open();
      await t.emit();
      const emission = { trigger: "work", to: ["next"], dedupe: "e1" };
      expect(await t.settle(await t.takeOne(), SUCCEEDED, [t.append(emission), t.append(emission)])).toBe(
        "settled",
      );
      expect(await t.takeAll("next")).toHaveLength(1);
    });

    it("keeps keys of any text apart", async () => {
      const t = await tests.open();
      const keys = [
        "",
        " ",
        "a",
        "A",
        "a\u0000b",
        "a\u0000c",
        "ä",
        "a'; drop table runs; --",
        "x".repeat(10_000),
      ];
      for (const dedupe of keys) {
        const { append } = await t.commit({ append: [t.append({ dedupe })] });
        expect(append[0]?.duplicate, JSON.stringify(dedupe.slice(0, 20))).toBe(false);
      }
    });

    if (!subject.capabilities.durable) return;

    it("remembers deliveries over a restart", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const uid = await before.emit({ dedupe: "d1" });
      const t = await tests.reopen(place, before);
      const { append } = await t.commit({ append: [t.append({ dedupe: "d1" }), t.append({ uid })] });
      const duplicate = { uid, duplicate: true };
      expect(append).toEqual([duplicate, duplicate]);
    });

    it("forgets a delivery after its time", async () => {
      const t = await tests.open(undefined, { retention: { dedupe: "1h", succeeded: "1h" } });
      await t.emit({ dedupe: "d1" });
      await t.clock.advance(3_600_001);
      const again = { append: [t.append({ dedupe: "d1" })] };
      expect((await t.commit(again)).append[0]?.duplicate).toBe(false);
      expect((await t.commit({ append: [t.append({ dedupe: "d1" })] })).append[0]?.duplicate).toBe(true);
    });
  });
}
