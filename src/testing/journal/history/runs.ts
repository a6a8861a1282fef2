import { describe, expect, it } from "vitest";
import type { RunQuery } from "../../../journal/history.ts";
import type { Claim } from "../../../journal/work.ts";
import { formatRunId } from "../../../model/run.ts";
import type { JournalSubject } from "../subject.ts";
import { DEAD, FAILURE, JournalTests, readAll } from "../tester.ts";

/** What people read of runs. */
export function testRuns(subject: JournalSubject): void {
  describe("runs", () => {
    const tests = new JournalTests(subject);

    it("lists runs newest first, by state, process and event", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(6, () => ({ to: ["a", "b"] }));
      const claims = (await t.take("a", 4)) as [Claim, Claim, Claim, Claim];
      await t.commit({ settle: [t.outcome(claims[0]), t.outcome(claims[1], DEAD)] });
      await t.retry(claims[2], 60_000);
      const ids = async (query: object) =>
        (await readAll((page) => t.journal.history.runs({ ...query, ...page }), 2)).map((run) => run.id);
      const run = (index: number, process: string) => formatRunId(uids[index] as string, process);
      expect(await ids({ process: "a" })).toEqual([5, 4, 3, 2, 1, 0].map((index) => run(index, "a")));
      expect(await ids({ event: uids[0] })).toHaveLength(2);
      expect(await ids({ state: "succeeded" })).toEqual([run(0, "a")]);
      expect(await ids({ state: "dead" })).toEqual([run(1, "a")]);
      expect(await ids({ state: "retrying" })).toEqual([run(2, "a")]);
      expect(await ids({ state: "running" })).toEqual([run(3, "a")]);
      expect(await ids({ state: "queued", process: "a" })).toEqual([run(5, "a"), run(4, "a")]);
      expect(await ids({ state: "queued" })).toHaveLength(8);
      expect(await ids({ state: "dead", process: "b" })).toEqual([]);
      expect(await ids({ state: "waiting" })).toEqual([]);
      expect(await ids({ state: "running", event: uids[3], process: "a" })).toEqual([run(3, "a")]);
      expect(await ids({ process: "none" })).toEqual([]);
      expect(await ids({})).toHaveLength(12);
    });

    it("lists runs in the order in which their events came, up to those there when the list began", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(5, () => ({ to: ["a", "b"] }));
      const claims = await t.take("a", 5);
      for (const claim of claims.slice(1)) await t.settle(claim, DEAD);
      const read = async (query: RunQuery, limit: number): Promise<string[]> => {
        const list = { ...query, oldestFirst: true };
        const rows = await readAll(async (page) => {
          const answer = await t.journal.history.runs({ ...list, ...page });
          // What comes in between two pages is not of the list.
          for (const claim of page.cursor === undefined ? await lateOnes() : []) await t.settle(claim, DEAD);
          return answer;
        }, limit);
        return rows.map(({ id }) => id);
      };
      const lateOnes = async (): Promise<readonly Claim[]> => {
        await t.emit({ to: ["a", "b"] });
        return t.take("a", 1);
      };
      const run = (index: number, process: string) => formatRunId(uids[index] as string, process);
      expect(await read({}, 3)).toEqual(uids.flatMap((_, index) => [run(index, "a"), run(index, "b")]));
      const dead = await read({ state: "dead" }, 2);
      expect(dead.slice(0, 4)).toEqual([1, 2, 3, 4].map((index) => run(index, "a")));
      expect(dead).toHaveLength(5);
      expect(await read({ process: "b", event: uids[2] as string }, 1)).toEqual([run(2, "b")]);
      expect((await read({ state: "running" }, 1))[0]).toBe(run(0, "a"));
      expect((await read({ text: "/b" }, 4)).slice(0, 5)).toEqual(
        [0, 1, 2, 3, 4].map((index) => run(index, "b")),
      );
      expect(await read({ process: "none" }, 4)).toEqual([]);
    });

    it("shows a run through its life", async () => {
      const t = await tests.open();
      const uid = await t.emit();
      const id = formatRunId(uid, "work");
      const show = () => t.journal.history.run(id);
      const nothing = { dueAt: null, startedAt: null, finishedAt: null, error: null, replayOf: null };
      expect(await show()).toEqual({
        id,
        event: uid,
        process: "work",
        state: "queued",
        attempts: 0,
        ...nothing,
      });
      const start = new Date(t.clock.now()).toISOString();
      const claim = await t.takeOne();
      expect(await show()).toMatchObject({
        state: "running",
        attempts: 1,
        startedAt: start,
        finishedAt: null,
      });
      await t.retry(claim, 1_000);
      expect(await show()).toMatchObject({ state: "retrying", attempts: 1, error: FAILURE });
      await t.clock.advance(1_000);
      await t.settle(await t.takeOne());
      const end = new Date(t.clock.now()).toISOString();
      expect(await show()).toMatchObject({
        state: "succeeded",
        attempts: 2,
        startedAt: end,
        finishedAt: end,
        error: null,
      });
    });

    it("finds runs by the input and time of their event, and by text in id and error", async () => {
      const t = await tests.open();
      const early = await t.emit({ to: ["a"], time: 1_000 });
      const late = await t.emit({ to: ["a"], time: 2_000 });
      const other = await t.emit({ to: ["a"], time: 3_000, trigger: "other" });
      for (const claim of await t.take("a", 3)) {
        const message = claim.event.uid === late ? "The Disk is full" : "no";
        await t.settle(claim, { type: "dead", error: { code: "RUN_FAILED", message } });
      }
      const found = async (query: RunQuery): Promise<readonly string[]> =>
        (await t.journal.history.runs(query)).items.map(({ event }) => event);
      expect(await found({ input: "other" })).toEqual([other]);
      expect(await found({ since: 1_000, until: 3_000 })).toEqual([late, early]);
      expect(await found({ text: "disk IS" })).toEqual([late]);
      expect(await found({ text: early.toUpperCase(), state: "dead" })).toEqual([early]);
      expect(await found({ text: "%" })).toEqual([]);
    });
  });
}
