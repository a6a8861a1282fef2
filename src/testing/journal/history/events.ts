import { describe, expect, it } from "vitest";
import type { EventQuery, Page, SeenRow } from "../../../journal/history.ts";
import { formatRunId } from "../../../model/run.ts";
import type { JournalSubject } from "../subject.ts";
import { JournalTests, readAll } from "../tester.ts";

/** What people read of events. */
export function testEvents(subject: JournalSubject): void {
  describe("events", () => {
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

    it("tells what large events carry over as many pages as it takes, each once", async () => {
      const t = await tests.open();
      const ids = ["1", "2", "3", "4"];
      for (const id of ids) await t.emit({ id, data: JSON.stringify(id.repeat(3_000_000)) });
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const query = { trigger: "orders", location: "raw.orders", ids, withData: true };
        const page: Page<SeenRow> = await t.journal.history.seen({
          ...query,
          ...(cursor !== null && { cursor }),
        });
        for (const { id, data } of page.items) found.push(`${id} ${data?.length}`);
        cursor = page.next;
      } while (cursor !== null);
      expect(found).toEqual(["4 3000002", "3 3000002", "2 3000002", "1 3000002"]);
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
  });
}
