import { describe, expect, it } from "vitest";
import type { Claim, ControlResult } from "../../journal/work.ts";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { FAILURE, JournalTests, NOWHERE } from "./tester.ts";

/** What operators ask for. */
export function testControl(subject: JournalSubject): void {
  describe("control", () => {
    const tests = new JournalTests(subject);

    describe("cancel", () => {
      it("ends a queued run, which then nobody gets", async () => {
        const t = await tests.open();
        const [first, second] = (await t.emitMany(2)) as [string, string];
        const run = formatRunId(first, "work");
        expect(await t.cancel(run)).toMatchObject({ ok: true, run });
        expect((await t.takeNow()).map((claim) => claim.event.uid)).toEqual([second]);
        expect(await t.journal.history.run(run)).toMatchObject({
          state: "cancelled",
          error: { code: "CANCELLED" },
        });
        expect(t.journal.openRuns()).toBe(1);
      });

      it("hands out no run from the moment of the call", async () => {
        const t = await tests.open();
        const uid = await t.emit();
        const cancelling = t.cancel(formatRunId(uid, "work"));
        expect(await t.takeNow()).toEqual([]);
        await cancelling;
      });

      it("ends a retrying run", async () => {
        const t = await tests.open();
        const uid = await t.emit();
        await t.retry(await t.takeOne(), 1_000);
        await t.cancel(formatRunId(uid, "work"));
        await t.clock.advance(2_000);
        expect(await t.takeNow()).toEqual([]);
        expect(await t.stateOf(uid)).toBe("cancelled");
      });

      it("tells the attempt of a taken run to end, and refuses its outcome", async () => {
        const t = await tests.open();
        const uid = await t.emit();
        const claim = await t.takeOne();
        await t.cancel(formatRunId(uid, "work"));
        await t.barrier();
        expect(t.changes).toContainEqual({
          type: "cancelled",
          process: "work",
          fence: claim.fence,
          message: "not wanted",
        });
        expect(await t.settle(claim)).toBe("stale");
        expect(await t.stateOf(uid)).toBe("cancelled");
        const attempts = await t.journal.history.attempts(formatRunId(uid, "work"));
        expect(attempts).toMatchObject([{ attempt: 1, outcome: "cancelled", fence: claim.fence }]);
      });

      it("refuses a run that is over, and one that is not there", async () => {
        const t = await tests.open();
        const uid = await t.emit();
        await t.settle(await t.takeOne());
        expect(await t.cancel(formatRunId(uid, "work"))).toMatchObject({ ok: false, why: "state" });
        expect(await t.stateOf(uid)).toBe("succeeded");
        for (const run of [`${uid}/other`, `${uid}/work~1`, `${NOWHERE}/work`, "nonsense", ""]) {
          expect(await t.cancel(run), run).toMatchObject({ ok: false, why: "not_found" });
        }
      });
    });

    describe("route", () => {
      it("makes a run of an old event for a process that had none", async () => {
        const t = await tests.open();
        const uid = await t.emit();
        const result = await t.control({ type: "route", event: uid, seed: { process: "late" } });
        expect(result).toMatchObject({ ok: true, run: formatRunId(uid, "late") });
        expect((await t.takeOne("late")).event.uid).toBe(uid);
      });

      it("keeps the order of the key, and makes a run that is dead from the beginning", async () => {
        const t = await tests.open();
        const [first, second, third] = (await t.emitMany(3)) as [string, string, string];
        const seed = { process: "late", key: "k" };
        await t.control({ type: "route", event: first, seed });
        await t.control({ type: "route", event: second, seed });
        await t.control({ type: "route", event: third, seed: { process: "late", dead: FAILURE } });
        expect(await t.stateOf(second, "late")).toBe("waiting");
        expect(await t.journal.history.run(formatRunId(third, "late"))).toMatchObject({
          state: "dead",
          error: FAILURE,
        });
        await t.settle(await t.takeOne("late"));
        expect((await t.takeOne("late")).event.uid).toBe(second);
      });

      it("refuses a process that has a run, and an event that is not there", async () => {
        const t = await tests.open();
        const uid = await t.emit();
        const seed = { process: "work" };
        expect(await t.control({ type: "route", event: uid, seed })).toMatchObject({
          ok: false,
          why: "state",
        });
        expect(await t.control({ type: "route", event: NOWHERE, seed })).toMatchObject({
          ok: false,
          why: "not_found",
        });
      });
    });

    it("cancels every open run of a process, and no other", async () => {
      const t = await tests.open();
      await t.emitMany(4, () => ({ to: ["gone", "stays"] }));
      await t.emitMany(3, () => ({ key: "k", to: [{ process: "gone", key: "k" }] }));
      const taken = await t.takeOne("gone");
      const result = await t.control({ type: "cancelOpen", process: "gone", reason: FAILURE });
      expect(result).toEqual({ ok: true, runs: 7 });
      await t.barrier();
      expect(t.changes).toContainEqual({
        type: "cancelled",
        process: "gone",
        fence: taken.fence,
        message: FAILURE.message,
      });
      expect(await t.settle(taken)).toBe("stale");
      expect(await t.takeNow("gone")).toEqual([]);
      expect(await t.takeNow("stays")).toHaveLength(4);
      await t.emit({ to: ["gone"] });
      expect(await t.takeNow("gone")).toHaveLength(1);
    });

    it("sets an open run aside", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const claim = await t.takeOne();
      const error = { code: "CRASHED_HOST", message: "it killed the host" };
      const result = await t.control({ type: "setAside", run: claim.key, error });
      expect(result).toMatchObject({ ok: true, run: formatRunId(uid, "work") });
      expect(await t.settle(claim)).toBe("stale");
      expect(await t.journal.history.run(formatRunId(uid, "work"))).toMatchObject({ state: "dead", error });
      expect(await t.control({ type: "setAside", run: claim.key, error })).toMatchObject({
        ok: false,
        why: "state",
      });
    });

    it("pauses and resumes names, and tells of it", async () => {
      const t = await tests.open();
      await t.control({ type: "pause", name: "work" });
      expect(t.journal.coordination.paused()).toEqual(new Set(["work"]));
      await t.control({ type: "resume", name: "work" });
      expect(t.journal.coordination.paused()).toEqual(new Set());
      await t.barrier();
      const told = t.changes.filter((change) => change.type === "paused" || change.type === "resumed");
      expect(told).toEqual([
        { type: "paused", name: "work" },
        { type: "resumed", name: "work" },
      ]);
    });

    it("answers each control by itself, in order", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const run = formatRunId(uid, "work");
      const reason = FAILURE;
      const { control } = await t.commit({
        control: [
          { type: "cancel", run, reason },
          { type: "cancel", run, reason },
          { type: "replay", run },
        ],
      });
      expect(control.map((result: ControlResult) => result.ok)).toEqual([true, false, true]);
      expect(await t.takeNow()).toHaveLength(1);
    });

    if (!subject.capabilities.durable) return;

    it("remembers over a restart what is paused", async () => {
      const place = await tests.place();
      const before = await tests.open(place);
      await before.control({ type: "pause", name: "work" });
      const t = await tests.reopen(place, before);
      expect(t.journal.coordination.paused()).toEqual(new Set(["work"]));
    });

    it("forgets what events of a key carry, and leaves those with an open run", async () => {
      const t = await tests.open();
      const secret = JSON.stringify({ name: "Ann" });
      const carrying = { data: secret, headers: '{"h":"Ann"}' };
      const byKey = await t.emit({ key: "customers/1", to: ["work"], ...carrying });
      const byRecord = await t.emit({ location: "customers", id: "1", to: ["work"], ...carrying });
      const other = await t.emit({ location: "customers", id: "11", ...carrying });
      const [first, second] = (await t.take("work", 2)) as [Claim, Claim];
      await t.commit({ logs: [{ claim: first, time: 1, stream: "log", text: "saw Ann" }] });
      await t.retry(second, 60_000);
      await t.settle(first, { type: "dead", error: { code: "RUN_FAILED", message: "no Ann" } });
      const forget = () => t.control({ type: "forget", key: "customers/1", after: 0 });

      expect(await forget()).toMatchObject({ ok: true, forgotten: { events: 1, open: 1 } });
      const run = formatRunId(byKey, "work");
      expect(await t.journal.history.event(byKey)).not.toHaveProperty("data");
      expect(await t.journal.history.event(byKey)).not.toHaveProperty("headers");
      expect((await t.journal.history.logs(run)).items).toEqual([]);
      expect(await t.journal.history.run(run)).toMatchObject({
        state: "dead",
        error: { code: "RUN_FAILED", message: "" },
      });
      expect(JSON.stringify(await t.journal.history.attempts(run))).not.toContain("Ann");
      expect(await t.journal.history.event(byRecord)).toMatchObject({ data: { name: "Ann" } });

      const reason = { code: "CANCELLED", message: "no more" };
      await t.control({ type: "cancel", run: formatRunId(byRecord, "work"), reason });
      expect(await forget()).toMatchObject({ ok: true, forgotten: { events: 2, open: 0 } });
      expect(await t.journal.history.event(byRecord)).not.toHaveProperty("data");
      expect(await t.journal.history.event(other)).toMatchObject({ data: { name: "Ann" } });
    });
  });
}
