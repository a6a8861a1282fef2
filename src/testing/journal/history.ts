import { describe, expect, it } from "vitest";
import type { EventQuery, Page, PageQuery, RunQuery } from "../../journal/history.ts";
import type { Claim } from "../../journal/work.ts";
import { formatRunId } from "../../model/run.ts";
import type { JournalSubject } from "./subject.ts";
import { DEAD, expectCode, FAILURE, JournalTests } from "./tester.ts";

/** Reads a list to its end, page by page. */
async function readAll<Row>(read: (query: PageQuery) => Promise<Page<Row>>, limit: number): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page: Page<Row> = await read({ limit, ...(cursor !== undefined && { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    rows.push(...page.items);
    if (page.next === null) return rows;
    cursor = page.next;
  }
}

/** What people read. */
export function testHistory(subject: JournalSubject): void {
  describe("history", () => {
    const tests = new JournalTests(subject);

    it("shows an event as it was emitted, without what is only the default", async () => {
      const t = await tests.open();
      const time = Date.UTC(2026, 4, 1, 12);
      const plain = await t.emit({ id: "1", time });
      const cause = { runs: ["elsewhere"], hops: 3, traceparent: "00-x" };
      const full = await t.emit({ id: "2", key: "k", time, data: '{"a":[1]}', headers: '{"h":"v"}', cause });
      const common = {
        location: "raw.orders",
        operation: "create",
        trigger: "orders",
        time: "2026-05-01T12:00:00.000Z",
      };
      expect(await t.journal.history.event(plain)).toEqual({ ...common, id: "1", uid: plain });
      expect(await t.journal.history.event(full)).toEqual({
        ...common,
        id: "2",
        uid: full,
        key: "k",
        data: { a: [1] },
        headers: { h: "v" },
        cause,
      });
    });

    it("tells which records have been seen of an input, the newest event first", async () => {
      const t = await tests.open();
      await t.emit({ id: "1", operation: "create" });
      await t.emit({ id: "2", operation: "create" });
      await t.emit({ id: "1", operation: "delete" });
      await t.emit({ id: "3", operation: "create", location: "elsewhere" });
      const query = { trigger: "orders", location: "raw.orders", ids: ["1", "3", "4"] };
      const { items, next } = await t.journal.history.seen(query);
      expect(items).toEqual([
        { id: "1", operation: "delete" },
        { id: "1", operation: "create" },
      ]);
      expect(next).toBeNull();
      expect((await t.journal.history.seen({ ...query, trigger: "other" })).items).toEqual([]);
    });

    it("tells what the newest event of a record carries, if it is asked for", async () => {
      const t = await tests.open();
      await t.emit({ id: "1", data: '{"v":1}' });
      await t.emit({ id: "2", data: null });
      await t.emit({ id: "1", operation: "update", data: '{"v":2}' });
      const query = { trigger: "orders", location: "raw.orders", ids: ["1", "2"], withData: true };
      expect((await t.journal.history.seen(query)).items).toEqual([
        { id: "1", operation: "update", data: '{"v":2}', mayBeStale: false },
        { id: "2", operation: "create", data: null, mayBeStale: false },
      ]);
    });

    it("keeps every operation, and an id that is the uid", async () => {
      const t = await tests.open();
      for (const operation of ["create", "read", "update", "delete", "unknown"] as const) {
        const { uid, ...rest } = t.event({ operation });
        await t.emit({ ...rest, uid, id: uid });
        expect(await t.journal.history.event(uid)).toMatchObject({ operation, id: uid });
        expect((await t.takeOne()).event).toMatchObject({ operation, id: uid });
      }
    });

    it("knows nothing of what is not there", async () => {
      const t = await tests.open();
      const { history } = t.journal;
      for (const uid of ["00000000-0000-7000-8000-000000000000", "nonsense", ""]) {
        expect(await history.event(uid)).toBeUndefined();
        expect(await history.journey(uid)).toBeUndefined();
        expect(await history.run(`${uid}/work`)).toBeUndefined();
        expect(await history.attempts(`${uid}/work`)).toEqual([]);
        expect(await history.logs(`${uid}/work`)).toEqual({ items: [], next: null });
        expect(await history.runs({ event: uid })).toEqual({ items: [], next: null });
      }
    });

    it("finds events by what they say of themselves, from either end", async () => {
      const t = await tests.open();
      const noon = Date.UTC(2026, 4, 1, 12);
      const hour = (hours: number): number => noon + hours * 3_600_000;
      const keyed = await t.emit({ id: "1", key: "k", time: hour(0) });
      const plain = await t.emit({ id: "2", time: hour(1), operation: "update" });
      const other = await t.emit({ id: "2", location: "elsewhere", time: hour(2), to: ["other"] });
      const { uid: nameless, ...rest } = t.event({ time: hour(3) });
      await t.emit({ ...rest, uid: nameless, id: nameless });
      const found = async (query: EventQuery): Promise<string[]> =>
        (await readAll((page) => t.journal.history.events({ ...query, ...page }), 2)).map(({ uid }) => uid);
      expect(await found({ oldestFirst: true })).toEqual([keyed, plain, other, nameless]);
      expect(await found({ location: "raw.orders" })).toEqual([nameless, plain, keyed]);
      expect(await found({ location: "raw.orders", oldestFirst: true })).toEqual([keyed, plain, nameless]);
      expect(await found({ key: "k" })).toEqual([keyed]);
      expect(await found({ key: "raw.orders/1" })).toEqual([]);
      expect(await found({ key: "raw.orders/2" })).toEqual([plain]);
      expect(await found({ key: `raw.orders/${nameless}` })).toEqual([nameless]);
      expect(await found({ operation: "update" })).toEqual([plain]);
      expect(await found({ since: hour(1), until: hour(3) })).toEqual([other, plain]);
      expect(await found({ without: "other" })).toEqual([nameless, plain, keyed]);
      expect(await found({ without: "never", trigger: "orders", oldestFirst: true })).toHaveLength(4);
      expect(await found({ location: "nowhere", oldestFirst: true })).toEqual([]);
    });

    it("lists events newest first, page by page, all or of one trigger", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(25, (index) => ({ trigger: index % 3 === 0 ? "a" : "b" }));
      const all = await readAll((query) => t.journal.history.events(query), 7);
      expect(all.map((event) => event.uid)).toEqual(uids.toReversed());
      const some = await readAll((query) => t.journal.history.events({ ...query, trigger: "a" }), 2);
      expect(some.map((event) => event.uid)).toEqual(uids.filter((_, index) => index % 3 === 0).toReversed());
      expect((await t.journal.history.events({ trigger: "none" })).items).toEqual([]);
    });

    it("goes on from a page where it ended, though new rows came", async () => {
      const t = await tests.open();
      const uids = await t.emitMany(4);
      const first = await t.journal.history.events({ limit: 2 });
      await t.emitMany(3);
      const second = await t.journal.history.events({ limit: 2, cursor: first.next as string });
      expect([...first.items, ...second.items].map((event) => event.uid)).toEqual(uids.toReversed());
      expect(second.next).toBeNull();
    });

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

    it("follows an event to what its runs caused", async () => {
      const t = await tests.open();
      const uid = await t.emit({ to: ["work", "other"] });
      const id = formatRunId(uid, "work");
      const caused = { trigger: "work", to: [], cause: { runs: [id, "not one of ours"], hops: 1 } };
      await t.settle(await t.takeOne(), { type: "succeeded" }, [t.append(caused), t.append(caused)]);
      const later = await t.emit({ ...caused, trigger: "captured" });
      const journey = await t.journal.history.journey(uid);
      expect(journey?.event.uid).toBe(uid);
      expect(journey?.runs.map((run) => run.process)).toEqual(["work", "other"]);
      expect(journey?.caused.map((event) => event.trigger)).toEqual(["work", "work", "captured"]);
      expect(journey?.caused.at(-1)).toMatchObject({
        uid: later,
        cause: { runs: [id, "not one of ours"], hops: 1 },
      });
    });

    it("knows the hops of events, as soon as they are committed", async () => {
      const t = await tests.open();
      const first = await t.emit();
      const committing = t.emit({ cause: { runs: [formatRunId(first, "work")], hops: 4 } });
      const unknown = "00000000-0000-7000-8000-000000000000";
      const second = await committing;
      expect(await t.journal.work.hops([first, second, unknown])).toEqual(
        new Map([
          [first, 0],
          [second, 4],
        ]),
      );
    });

    it("groups dead runs by process and code, the largest group first", async () => {
      const t = await tests.open();
      await t.emitMany(3, () => ({ to: ["a"] }));
      await t.emit({ to: ["b"] });
      for (const claim of await t.take("a", 3)) await t.settle(claim, DEAD);
      await t.settle(await t.takeOne("b"), { type: "dead", error: { code: "TIMEOUT", message: "slow" } });
      const groups = await t.journal.history.deadLetters();
      expect(groups.map(({ process, error, count }) => [process, error.code, count])).toEqual([
        ["a", "RUN_FAILED", 3],
        ["b", "TIMEOUT", 1],
      ]);
      expect(groups[0]?.newest).toMatchObject({ process: "a", state: "dead" });
    });

    it("takes for one error what differs in numbers, ids and quoted values only", async () => {
      const t = await tests.open();
      await t.emitMany(4, () => ({ to: ["a"] }));
      const messages = [
        'order 17 of "Ann" is late',
        'order 4 of "Bob" is late',
        "order is late",
        "order 5 of 'C' is late",
      ];
      for (const [index, claim] of (await t.take("a", 4)).entries()) {
        const message = messages[index] as string;
        await t.settle(claim, { type: "dead", error: { code: "RUN_FAILED", message } });
      }
      const groups = await t.journal.history.deadLetters();
      expect(groups.map(({ count }) => count)).toEqual([3, 1]);
      const [large, small] = groups;
      expect(large?.error.message).toBe(messages[3]);
      expect(large?.samples).toHaveLength(3);
      expect(large?.samples[0]).toBe(large?.newest.id);
      expect(Date.parse(large?.firstSeen ?? "")).toBeLessThanOrEqual(Date.parse(large?.lastSeen ?? ""));
      expect(Date.parse(large?.firstSeen ?? "")).toBeGreaterThan(0);
      const { items } = await t.journal.history.runs({
        state: "dead",
        fingerprint: large?.fingerprint as string,
      });
      expect(items.map(({ id }) => id)).toEqual(large?.samples);
      expect(small?.fingerprint).not.toBe(large?.fingerprint);
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

    it("counts events per trigger and runs per state", async () => {
      const t = await tests.open();
      await t.emitMany(5, (index) => ({ dedupe: `d${index}` }));
      await t.emit({ dedupe: "d0" });
      await t.emitMany(2, () => ({ trigger: "keyed", key: "k", to: [{ process: "work", key: "k" }] }));
      const claims = (await t.take("work", 4)) as [Claim, Claim, Claim, Claim];
      await t.commit({ settle: [t.outcome(claims[0]), t.outcome(claims[1], DEAD)] });
      await t.retry(claims[2], 60_000);
      expect(await t.journal.history.counters()).toEqual({
        oldest: expect.anything(),
        events: { orders: 5, keyed: 2 },
        runs: { work: { queued: 2, waiting: 1, running: 1, retrying: 1, succeeded: 1, dead: 1 } },
      });
    });

    it("refuses a query that is none", async () => {
      const t = await tests.open();
      await t.emitMany(3);
      const { history } = t.journal;
      for (const limit of [0, -1, 1.5, 1_001, 1e9, Number.NaN])
        await expectCode(history.events({ limit }), "INVALID_QUERY");
      for (const cursor of ["", "x", "999", "../etc", "bm9uZQ", "\u0000"]) {
        await expectCode(history.events({ cursor }), "INVALID_QUERY");
        await expectCode(history.runs({ cursor }), "INVALID_QUERY");
        await expectCode(history.runs({ cursor, oldestFirst: true }), "INVALID_QUERY");
      }
      const { next } = await history.events({ limit: 1 });
      await expectCode(history.runs({ cursor: next as string }), "INVALID_QUERY");
      const oldest = (await history.runs({ limit: 1, oldestFirst: true })).next as string;
      await expectCode(history.runs({ cursor: oldest }), "INVALID_QUERY");
      await expectCode(history.runs({ state: "lost" as never }), "INVALID_QUERY");
    });
  });
}
