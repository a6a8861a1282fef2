import { describe, expect, it } from "vitest";
import type { Outcome } from "../../journal/work.ts";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { FAILURE, JournalTests, RELEASED, type JournalTester } from "./tester.ts";

/** What was postponed comes back as the same attempt, and how often that happened is never forgotten. */
export function testPostpone(subject: JournalSubject): void {
  describe("postponement", () => {
    const tests = new JournalTests(subject);

    it("brings a run back when it is due, as the same attempt with a new fence, and counts how often", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      let fence = 0;
      for (let postponed = 0; postponed < 3; postponed += 1) {
        const claim = await t.takeOne();
        expect(claim).toMatchObject({ attempt: 1, postponed });
        expect(claim.fence).toBeGreaterThan(fence);
        fence = claim.fence;
        expect(await t.settle(claim, later(t))).toBe("settled");
        expect(await t.takeNow()).toEqual([]);
        await t.clock.advance(1_000);
      }
      await t.settle(await t.takeOne());
      const run = await t.journal.history.run(formatRunId(uid, "work"));
      expect(run).toMatchObject({ state: "succeeded", attempts: 1, error: null });
    });

    it("tells it apart in the run's history, and as a run that is retrying", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      await t.settle(await t.takeOne(), later(t));
      const id = formatRunId(uid, "work");
      expect(await t.journal.history.run(id)).toMatchObject({
        state: "retrying",
        attempts: 0,
        error: FAILURE,
      });
      expect((await t.journal.history.counters()).runs["work"]).toEqual({ retrying: 1 });
      await t.clock.advance(1_000);
      await t.retry(await t.takeOne(), 1_000);
      const attempts = await t.journal.history.attempts(id);
      expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
        [1, "postponed"],
        [1, "failed"],
      ]);
    });

    it.each([
      ["succeeds", { type: "succeeded" }, { succeeded: 1 }],
      ["dies", { type: "dead", error: FAILURE }, { dead: 1 }],
      ["is handed back", RELEASED, { queued: 1 }],
    ] as const)("keeps the counters right when its first attempt %s after it", async (_, outcome, runs) => {
      const t = await tests.open();
      await t.emit();
      await t.settle(await t.takeOne(), later(t));
      await t.clock.advance(1_000);
      await t.settle(await t.takeOne(), outcome);
      expect((await t.journal.history.counters()).runs["work"]).toEqual(runs);
    });

    it("counts anew for a run that is reopened", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      await t.settle(await t.takeOne(), later(t));
      await t.clock.advance(1_000);
      await t.settle(await t.takeOne(), { type: "dead", error: FAILURE });
      await t.control({ type: "replay", run: formatRunId(uid, "work") });
      expect(await t.takeOne()).toMatchObject({ attempt: 1, postponed: 0 });
    });

    it("keeps the place of an ordered run: the next one of its key waits", async () => {
      const t = await tests.open();
      const to = [{ process: "work", key: "k" }];
      const first = await t.emit({ id: "1", to });
      const second = await t.emit({ id: "2", to });
      await t.settle(await t.takeOne(), later(t));
      expect(await t.takeNow()).toEqual([]);
      expect(await t.stateOf(second)).toBe("waiting");
      await t.clock.advance(1_000);
      const claim = await t.takeOne();
      expect(claim.event.uid).toBe(first);
      await t.settle(claim);
      expect(await t.takeOne()).toMatchObject({ event: { uid: second }, postponed: 0 });
    });

    if (!subject.capabilities.durable) return;

    it("is remembered over a restart", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.emit();
      for (let i = 0; i < 2; i += 1) {
        await before.settle(await before.takeOne(), later(before));
        await before.clock.advance(1_000);
      }
      const t = await tests.reopen(place, before);
      expect(await t.takeOne()).toMatchObject({ attempt: 1, postponed: 2 });
    });
  });
}

function later(t: JournalTester): Outcome {
  return { type: "retry", dueAt: t.clock.now() + 1_000, delay: 1_000, error: FAILURE, postponed: true };
}
