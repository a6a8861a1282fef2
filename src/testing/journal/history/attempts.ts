import { describe, expect, it } from "vitest";
import { formatRunId } from "../../../model/run.ts";
import type { JournalSubject } from "../subject.ts";
import { FAILURE, JournalTests, readAll } from "../tester.ts";

/** What people read of attempts and what they logged. */
export function testAttempts(subject: JournalSubject): void {
  describe("attempts", () => {
    const tests = new JournalTests(subject);

    it("shows every attempt of a run, the one under way too", async () => {
      const t = await tests.open();
      const id = formatRunId(await t.emit(), "work");
      const first = await t.takeOne();
      await t.retry(first, 1);
      await t.clock.advance(1);
      const second = await t.takeOne();
      const outcomes = async () =>
        (await t.journal.history.attempts(id)).map(({ attempt, outcome, fence }) => [
          attempt,
          outcome,
          fence,
        ]);
      expect(await outcomes()).toEqual([
        [1, "failed", first.fence],
        [2, "running", second.fence],
      ]);
      await t.commit({ settle: [{ ...t.outcome(second), version: 7 }] });
      expect(await outcomes()).toEqual([
        [1, "failed", first.fence],
        [2, "succeeded", second.fence],
      ]);
      expect((await t.journal.history.attempts(id))[1]).toMatchObject({ version: 7, error: null });
    });

    it("tells an abandoned attempt from a failed one", async () => {
      const t = await tests.open();
      const id = formatRunId(await t.emit(), "work");
      await t.settle(await t.takeOne(), { type: "dead", error: FAILURE, abandoned: true });
      expect(await t.journal.history.attempts(id)).toMatchObject([{ outcome: "abandoned", error: FAILURE }]);
    });

    it("keeps log lines in their order, page by page", async () => {
      const t = await tests.open();
      const id = formatRunId(await t.emit(), "work");
      const claim = await t.takeOne();
      for (let i = 0; i < 5; i += 1) {
        const logs = [0, 1].map((n) => ({
          claim,
          time: t.clock.now(),
          stream: n === 0 ? ("stdout" as const) : ("stderr" as const),
          text: `${i}.${n} ä\u0000`,
        }));
        await t.commit({ logs });
      }
      const lines = await readAll((query) => t.journal.history.logs(id, query), 3);
      expect(lines.map((line) => line.text)).toEqual(
        [0, 1, 2, 3, 4].flatMap((i) => [`${i}.0 ä\u0000`, `${i}.1 ä\u0000`]),
      );
      expect(lines[1]).toEqual({
        time: new Date(t.clock.now()).toISOString(),
        attempt: 1,
        stream: "stderr",
        text: "0.1 ä\u0000",
      });
    });

    it("takes log lines together with the outcome", async () => {
      const t = await tests.open();
      const id = formatRunId(await t.emit(), "work");
      const claim = await t.takeOne();
      await t.commit({ settle: [t.outcome(claim)], logs: [{ claim, time: 0, stream: "log", text: "done" }] });
      expect((await t.journal.history.logs(id)).items).toMatchObject([{ text: "done" }]);
    });
  });
}
