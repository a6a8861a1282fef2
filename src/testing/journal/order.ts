import { describe, expect, it } from "vitest";
import type { Claim, Outcome } from "../../journal/work.ts";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { DEAD, FAILURE, JournalTests, RELEASED, SUCCEEDED, type Emission } from "./tester.ts";

const BLOCKING: Outcome = { type: "dead", error: FAILURE, block: true };

function keyed(key: string, init: Emission = {}): Emission {
  return { id: key, key, to: [{ process: "work", key }], ...init };
}

function uidsOf(claims: readonly Claim[]): string[] {
  return claims.map((claim) => claim.event.uid);
}

/** Runs of one key go one at a time, in the order of their events. */
export function testOrder(subject: JournalSubject): void {
  describe("order by key", () => {
    const tests = new JournalTests(subject);

    it("hands out one run of a key at a time, and other keys meanwhile", async () => {
      const t = await tests.open();
      const [a1, a2] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      const b1 = await t.emit(keyed("b"));
      const claims = await t.takeNow();
      expect(uidsOf(claims)).toEqual([a1, b1]);
      expect(await t.stateOf(a2)).toBe("waiting");
      await t.settle(claims[0] as Claim);
      expect(uidsOf(await t.takeNow())).toEqual([a2]);
    });

    it("keeps the order of a hot key from its first run to its last", async () => {
      const t = await tests.open();
      for (const uid of await t.emitMany(50, () => keyed("hot"))) {
        const claims = await t.takeNow();
        expect(uidsOf(claims)).toEqual([uid]);
        await t.settle(claims[0] as Claim);
      }
      expect(t.journal.openRuns()).toBe(0);
    });

    it("does not mix up the keys of two processes", async () => {
      const t = await tests.open();
      await t.emit({ to: ["a", "b"].map((process) => ({ process, key: "k" })) });
      expect(await t.takeNow("a")).toHaveLength(1);
      expect(await t.takeNow("b")).toHaveLength(1);
    });

    it("does not let a hot key keep others from being taken", async () => {
      const t = await tests.open();
      for (let i = 0; i < 6; i += 1) await t.emitMany(1_000, () => keyed("hot"));
      const other = await t.emit(keyed("cold"));
      expect(uidsOf(await t.takeNow())).toContain(other);
    });

    it("keeps the key waiting while a run of it is retried", async () => {
      const t = await tests.open();
      const [first, second] = await t.emitMany(2, () => keyed("a"));
      await t.retry(await t.takeOne(), 1_000);
      expect(await t.takeNow()).toEqual([]);
      await t.clock.advance(1_000);
      const again = await t.takeOne();
      expect(again.event.uid).toBe(first);
      await t.settle(again);
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("keeps the key with a run that was handed back", async () => {
      const t = await tests.open();
      const [first] = await t.emitMany(2, () => keyed("a"));
      await t.settle(await t.takeOne(), RELEASED);
      expect(uidsOf(await t.takeNow())).toEqual([first]);
    });

    it("goes on after a dead run", async () => {
      const t = await tests.open();
      const [, second] = await t.emitMany(2, () => keyed("a"));
      await t.settle(await t.takeOne(), DEAD);
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("waits behind a dead run that blocks, until it was replayed and succeeded", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      await t.settle(await t.takeOne(), BLOCKING);
      expect(await t.takeNow()).toEqual([]);
      expect(await t.stateOf(await t.emit(keyed("a")))).toBe("waiting");
      await t.control({ type: "replay", run: formatRunId(first, "work"), ordered: true });
      const again = await t.takeOne();
      expect(again.event.uid).toBe(first);
      await t.settle(again);
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("goes on when the dead run that blocks it is cancelled, with its corrected replay first", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      const blocker = formatRunId(first, "work");
      await t.settle(await t.takeOne(), BLOCKING);
      await t.control({ type: "replay", run: blocker, data: '"corrected"', ordered: true });
      expect(await t.takeNow()).toEqual([]);
      await t.cancel(blocker);
      const corrected = await t.takeOne();
      expect([corrected.event.uid, corrected.event.data]).toEqual([first, '"corrected"']);
      await t.settle(corrected);
      expect((await t.takeOne()).event.uid).toBe(second);
      expect(await t.stateOf(first)).toBe("cancelled");
      expect((await t.journal.history.counters()).runs["work"]?.dead ?? 0).toBe(0);
    });

    it("passes over a waiting run that was cancelled", async () => {
      const t = await tests.open();
      const [, second, third] = (await t.emitMany(3, () => keyed("a"))) as [string, string, string];
      const claim = await t.takeOne();
      await t.cancel(formatRunId(second, "work"));
      expect(await t.takeNow()).toEqual([]);
      await t.settle(claim);
      expect((await t.takeOne()).event.uid).toBe(third);
    });

    it("goes on after a queued run was cancelled", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      await t.cancel(formatRunId(first, "work"));
      expect(uidsOf(await t.takeNow())).toEqual([second]);
    });

    it("holds the key until the attempt of a cancelled run has been settled", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      const claim = await t.takeOne();
      await t.cancel(formatRunId(first, "work"));
      expect(await t.takeNow()).toEqual([]);
      expect(await t.settle(claim)).toBe("stale");
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("holds a cancelled run that is replayed until its earlier attempt has been settled", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      const run = formatRunId(first, "work");
      const claim = await t.takeOne();
      await t.cancel(run);
      await t.control({ type: "replay", run, ordered: true });
      expect(await t.takeNow()).toEqual([]);
      expect(await t.stateOf(first)).toBe("waiting");
      expect(await t.settle(claim)).toBe("stale");
      const replayed = await t.takeOne();
      expect(replayed.event.uid).toBe(first);
      expect(replayed.attempt).toBe(1);
      await t.settle(replayed);
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("holds the key though a claim that was handed back before is settled once more", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      const earlier = await t.takeOne();
      await t.settle(earlier, { type: "released" });
      const claim = await t.takeOne();
      await t.cancel(formatRunId(first, "work"));
      expect(await t.settle(earlier)).toBe("stale");
      expect(await t.takeNow()).toEqual([]);
      expect(await t.settle(claim)).toBe("stale");
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("lets such a run go on first, though an older one of its key is replayed meanwhile", async () => {
      const t = await tests.open();
      const [first, second] = (await t.emitMany(2, () => keyed("a"))) as [string, string];
      await t.settle(await t.takeOne());
      const claim = await t.takeOne();
      const run = formatRunId(second, "work");
      await t.cancel(run);
      await t.control({ type: "replay", run, ordered: true });
      await t.control({ type: "replay", run: formatRunId(first, "work"), ordered: true });
      expect(await t.settle(claim)).toBe("stale");
      expect(uidsOf(await t.takeNow())).toEqual([second]);
    });

    it("holds the key though such a run is cancelled once more", async () => {
      const t = await tests.open();
      const [first] = (await t.emitMany(1, () => keyed("a"))) as [string];
      const run = formatRunId(first, "work");
      const claim = await t.takeOne();
      await t.cancel(run);
      await t.control({ type: "replay", run, ordered: true });
      await t.cancel(run);
      const second = await t.emit(keyed("a"));
      expect(await t.takeNow()).toEqual([]);
      expect(await t.settle(claim)).toBe("stale");
      expect((await t.takeOne()).event.uid).toBe(second);
    });

    it("puts a replayed dead run in line again", async () => {
      const t = await tests.open();
      const [first, second, third] = (await t.emitMany(3, () => keyed("a"))) as [string, string, string];
      await t.settle(await t.takeOne(), DEAD);
      const running = await t.takeOne();
      expect(running.event.uid).toBe(second);
      await t.control({ type: "replay", run: formatRunId(first, "work"), ordered: true });
      expect(await t.takeNow()).toEqual([]);
      expect(await t.stateOf(first)).toBe("waiting");
      await t.settle(running);
      const replayed = await t.takeOne();
      expect(replayed.event.uid).toBe(first);
      await t.settle(replayed);
      expect((await t.takeOne()).event.uid).toBe(third);
    });

    it("holds for events that an attempt emitted", async () => {
      const t = await tests.open();
      await t.emit({ to: ["start"] });
      const emitted = [
        t.append(keyed("a", { trigger: "start" })),
        t.append(keyed("a", { trigger: "start" })),
      ];
      await t.settle(await t.takeOne("start"), SUCCEEDED, emitted);
      expect(await t.takeNow()).toHaveLength(1);
    });

    it("holds over many keys with outcomes of every kind", async () => {
      const t = await tests.open();
      await t.emitMany(60, (index) => keyed(`k${index % 7}`, { data: String(index) }));
      const order = new Map<string, number[]>();
      for (let turn = 0; t.journal.openRuns() > 0; turn += 1) {
        const claims = await t.takeNow("work", 5);
        const keys = claims.map((claim) => claim.event.id);
        expect(new Set(keys).size, "one run of a key at a time").toBe(keys.length);
        for (const [index, claim] of claims.entries()) {
          const released = (turn + index) % 4 === 0;
          await t.settle(claim, released ? RELEASED : (turn + index) % 7 === 0 ? DEAD : SUCCEEDED);
          const { id, data } = claim.event;
          if (!released) order.set(id, [...(order.get(id) ?? []), Number(data)]);
        }
      }
      expect(order.size).toBe(7);
      for (const [key, done] of order) expect(done, key).toEqual(done.toSorted((a, b) => a - b));
    });

    if (!subject.capabilities.durable) return;

    it("holds over a restart", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const [, second, third] = await before.emitMany(3, () => keyed("a"));
      await before.settle(await before.takeOne());
      const t = await tests.reopen(place, before);
      const claims = await t.takeNow();
      expect(uidsOf(claims)).toEqual([second]);
      await t.settle(claims[0] as Claim);
      expect((await t.takeOne()).event.uid).toBe(third);
    });

    it("goes on after a crash with a replayed run that waited for its cancelled attempt", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const [first] = (await before.emitMany(2, () => keyed("a"))) as [string, string];
      const run = formatRunId(first, "work");
      await before.takeOne();
      await before.cancel(run);
      await before.control({ type: "replay", run, ordered: true });
      const { t } = await tests.afterCrash(place, before);
      expect(uidsOf(await t.takeNow())).toEqual([first]);
    });

    it("goes on after a crash, though a cancelled run was still running", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      const [first, second] = (await before.emitMany(2, () => keyed("a"))) as [string, string];
      await before.takeOne();
      await before.cancel(formatRunId(first, "work"));
      const { t } = await tests.afterCrash(place, before);
      expect(uidsOf(await t.takeNow())).toEqual([second]);
    });
  });
}
