import { describe, expect, it } from "vitest";
import type { StatePut } from "../../journal/work.ts";
import type { JournalSubject } from "./subject.ts";
import { expectCode, JournalTests } from "./tester.ts";

function put(value: string | null, ifVersion?: number, key = "cursor"): StatePut {
  return { owner: "orders", key, value, ...(ifVersion !== undefined && { ifVersion }) };
}

/** Where components keep their cursors. */
export function testState(subject: JournalSubject): void {
  describe("state", () => {
    const tests = new JournalTests(subject);

    it("is not there at first, and then counts its versions from 1", async () => {
      const t = await tests.open();
      const { work } = t.journal;
      expect(await work.readState("orders", "cursor")).toBeUndefined();
      await t.commit({ state: [put("1")] });
      expect(await work.readState("orders", "cursor")).toEqual({ value: "1", version: 1 });
      await t.commit({ state: [put("2", 1)] });
      expect(await work.readState("orders", "cursor")).toEqual({ value: "2", version: 2 });
    });

    it("refuses a put whose version is not the one that is there", async () => {
      const t = await tests.open();
      await expectCode(t.commit({ state: [put("1", 1)] }), "STATE_CONFLICT");
      await t.commit({ state: [put("1", 0)] });
      await expectCode(t.commit({ state: [put("2", 0)] }), "STATE_CONFLICT");
      await expectCode(t.commit({ state: [put("2", 7)] }), "STATE_CONFLICT");
      expect(await t.journal.work.readState("orders", "cursor")).toEqual({ value: "1", version: 1 });
    });

    it("removes a value, which may then be put anew", async () => {
      const t = await tests.open();
      await t.commit({ state: [put("1")] });
      await t.commit({ state: [put(null, 1)] });
      expect(await t.journal.work.readState("orders", "cursor")).toBeUndefined();
      await t.commit({ state: [put("2", 0)] });
      expect((await t.journal.work.readState("orders", "cursor"))?.value).toBe("2");
    });

    it("keeps owners and keys apart", async () => {
      const t = await tests.open();
      await t.commit({
        state: [put("1"), put("2", undefined, "other"), { owner: "b", key: "cursor", value: "3" }],
      });
      const read = (owner: string, key: string) =>
        t.journal.work.readState(owner, key).then((state) => state?.value);
      expect(await read("orders", "cursor")).toBe("1");
      expect(await read("orders", "other")).toBe("2");
      expect(await read("b", "cursor")).toBe("3");
    });

    it("keeps nothing of a commit whose state conflicts", async () => {
      const t = await tests.open();
      await t.emit({ to: ["settles"] });
      const claim = await t.takeOne("settles");
      const commit = {
        append: [t.append()],
        settle: [t.outcome(claim)],
        state: [put("1", undefined, "ok"), put("1", 5)],
      };
      await expectCode(t.commit(commit), "STATE_CONFLICT");
      expect(await t.takeNow()).toEqual([]);
      expect((await t.journal.history.events({ trigger: "orders" })).items).toHaveLength(1);
      expect(await t.journal.work.readState("orders", "ok")).toBeUndefined();
      expect(await t.settle(claim)).toBe("settled");
    });

    it("fails one of several commits that are under way together, and no other", async () => {
      const t = await tests.open();
      const results = await Promise.allSettled([
        t.commit({ append: [t.append()], state: [put("1", 0)] }),
        t.commit({ append: [t.append()], state: [put("2", 0)] }),
        t.commit({ append: [t.append()] }),
        t.commit({ append: [t.append()], state: [put("3", 1)] }),
      ]);
      expect(results.map((result) => result.status)).toEqual([
        "fulfilled",
        "rejected",
        "fulfilled",
        "fulfilled",
      ]);
      expect(await t.takeNow()).toHaveLength(3);
      expect(await t.journal.work.readState("orders", "cursor")).toEqual({ value: "3", version: 2 });
    });

    it("keeps any text", async () => {
      const t = await tests.open();
      const value = JSON.stringify({
        text: "ä\u0000\ud83d\ude00 '; drop table state; --",
        big: "x".repeat(100_000),
      });
      await t.commit({ state: [put(value)] });
      expect((await t.journal.work.readState("orders", "cursor"))?.value).toBe(value);
    });

    if (!subject.capabilities.durable) return;

    it("is there after a crash, together with the events of its commit", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.commit({ append: [before.append()], state: [put("1")] });
      const { t } = await tests.afterCrash(place, before);
      expect(await t.journal.work.readState("orders", "cursor")).toEqual({ value: "1", version: 1 });
      expect(await t.takeNow()).toHaveLength(1);
    });
  });
}
