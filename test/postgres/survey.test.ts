import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput, type PostgresInputOptions } from "../../src/inputs/postgres/index.ts";
import type { EventRow } from "../../src/journal/history.ts";
import { createSignal } from "../../src/testing/signal.ts";
import { eventually, openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

/** For tests of a few seconds that a busy machine makes many. */
const LONG = { timeout: 60_000 };

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`backfill and audit ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  let directory: string;

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    directory = await mkdtemp(join(tmpdir(), "sluice-survey-"));
  });
  afterEach(async () => {
    await client.end();
    await rm(directory, { recursive: true, force: true });
  });

  function create(options: Partial<PostgresInputOptions> = {}): Orchestrator {
    const orchestrator = new Orchestrator({ journal: `sqlite:${join(directory, "journal.db")}` });
    orchestrator.addInput(
      postgresInput({ name: "source", connectionString: url, tables: ["items"], ...options }),
    );
    return orchestrator;
  }

  async function listening(orchestrator: Orchestrator): Promise<Orchestrator> {
    await orchestrator.start();
    await orchestrator.ready();
    return orchestrator;
  }

  /** Oldest first. */
  async function allEvents({ history }: Orchestrator): Promise<EventRow[]> {
    const events: EventRow[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof history.events>> = await history.events({
        limit: 1_000,
        ...(cursor !== null && { cursor }),
      });
      events.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    return events.toReversed();
  }

  test(
    "a row that is read never comes after a newer change of it, whatever writers do meanwhile",
    LONG,
    async () => {
      await client.query(`create table items (id integer primary key, v integer not null);
      insert into items select i, 0 from generate_series(1, 300) i`);
      await using orchestrator = await listening(create({ batchSize: 40 }));
      let isOver = false;
      const write = async (number: number): Promise<void> => {
        const writer = await openClient(url);
        for (let i = 0; !isOver; i += 1) {
          const id = 1 + ((i * 7 + number * 31) % 300);
          const sql =
            i % 5 === 0
              ? `with gone as (delete from items where id = ${id} returning v) select v from gone`
              : `insert into items values (${id}, ${i}) on conflict (id) do update set v = items.v + 1`;
          await writer.query(sql);
        }
        await writer.end();
      };
      const writers = [0, 1, 2, 3].map(write);
      let overtaken = 0;
      for (let round = 0; round < 12; round += 1) {
        const { tables } = await orchestrator.backfill("source");
        overtaken += tables[0]?.overtaken ?? 0;
      }
      isOver = true;
      await Promise.all(writers);
      await client.query("insert into items values (1000, -1)");
      await eventually(
        async () => (await orchestrator.history.events({ limit: 1 })).items[0]?.id,
        (id) => id === "1000",
      );

      const last = new Map<string, unknown>();
      for (const { id, operation, data } of await allEvents(orchestrator)) {
        if (operation === "delete") last.delete(id);
        else last.set(id, (data as { v: number }).v);
      }
      const { rows } = await client.query("select id::text, v from items");
      expect(last).toEqual(new Map(rows.map((row) => [row.id as string, row.v as number] as const)));
      expect(overtaken).toBeGreaterThan(0);
    },
  );

  test("goes on after the last row that was committed, and emits each row once", async () => {
    await client.query(`create table items (a text, b bigint, price numeric, primary key (b, a));
      insert into items select 'x,' || i % 3, 9007199254740993 + i / 3, i / 10.0 from generate_series(0, 599) i`);
    const interrupted = new AbortController();
    {
      await using orchestrator = await listening(create({ batchSize: 50 }));
      const cut = orchestrator.backfill(
        "source",
        {},
        {
          signal: interrupted.signal,
          onProgress: ({ done }) => done >= 200 && interrupted.abort(),
        },
      );
      await expect(cut).rejects.toThrow(/aborted/);
    }
    await using again = await listening(create({ batchSize: 50 }));
    const { tables } = await again.backfill("source");
    expect(tables).toEqual([{ table: "public.items", rows: 600, emitted: 400, overtaken: 0, resumed: true }]);
    const events = await allEvents(again);
    const { rows } = await client.query(
      "select b || ',' || replace(a, ',', '\\,') as id from items order by b, a",
    );
    expect(events.map(({ id }) => id)).toEqual(rows.map((row) => row.id as string));
    expect(events[0]).toMatchObject({
      operation: "read",
      location: "public.items",
      data: { a: "x,0", b: "9007199254740993", price: "0.00000000000000000000" },
    });
    expect((await again.backfill("source")).tables[0]).toMatchObject({ emitted: 600, resumed: false });
  });

  test("begins anew in another database, or by another key, after a change of the input", async () => {
    const rows =
      "create table items (id int primary key, code text not null unique); insert into items select i, 1000 - i from generate_series(1, 300) i";
    const other = (await server?.createDatabase()) as string;
    for (const each of [url, other]) {
      const one = await openClient(each);
      await one.query(rows);
      await one.end();
    }
    await using orchestrator = await listening(create({ batchSize: 50 }));
    /** Begins a backfill that is cut off where it has read some rows. */
    const cutOff = async (how: () => Promise<unknown>): Promise<void> => {
      const reached = createSignal();
      const onProgress = ({ done }: { done: number }): void => void (done >= 100 && reached.set());
      const cut = orchestrator.backfill("source", { rate: "1000/s" }, { onProgress });
      cut.catch(() => undefined);
      await reached.wait();
      await how();
      await expect(cut).rejects.toMatchObject({ code: "SHUTDOWN" });
    };
    const become = (options: Partial<PostgresInputOptions>): Promise<unknown> => {
      const input = postgresInput({ name: "source", connectionString: url, tables: ["items"], ...options });
      return orchestrator.change({ add: { inputs: [input], processes: [] }, remove: [], links: [] });
    };
    await cutOff(() => become({ batchSize: 20 }));
    expect((await orchestrator.backfill("source")).tables[0]).toMatchObject({ rows: 300, resumed: true });
    await cutOff(() => become({ connectionString: other }));
    expect((await orchestrator.backfill("source")).tables[0]).toMatchObject({ emitted: 300, resumed: false });
    await become({});
    await cutOff(() => become({ batchSize: 20 }));
    await client.query(
      "alter table items drop constraint items_pkey; alter table items add primary key (code)",
    );
    expect((await orchestrator.backfill("source")).tables[0]).toMatchObject({ emitted: 300, resumed: false });
  });

  test("reads only what a condition lets through, of one table, no faster than its rate", async () => {
    await client.query(`create table items (id int primary key); create table others (id int primary key);
      insert into items select generate_series(1, 50); insert into others select generate_series(1, 5)`);
    await using orchestrator = await listening(create({ tables: ["items", "others"] }));
    const began = performance.now();
    const request = { table: "items", where: "id > 20 -- and more", rate: "100/s" };
    const { tables } = await orchestrator.backfill("source", request);
    expect(performance.now() - began).toBeGreaterThan(200);
    expect(tables).toEqual([{ table: "public.items", rows: 30, emitted: 30, overtaken: 0, resumed: false }]);
    await expect(orchestrator.backfill("source", { table: "nowhere" })).rejects.toThrow(/no table nowhere/);
    await expect(orchestrator.backfill("source", { where: "id >" })).rejects.toMatchObject({
      code: "SQL_FAILED",
    });
    await client.query(
      "create function evil() returns boolean language sql as 'insert into public.others values (99) returning true'",
    );
    await expect(orchestrator.backfill("source", { where: "public.evil()" })).rejects.toThrow(/read-only/);
  });

  test("reads the tables that a glob finds, a partitioned one as one, and keys of any type in their own order", async () => {
    await client.query(`create extension citext;
      create schema sales;
      create table sales.parts (id timestamptz, n int, primary key (id, n)) partition by range (n);
      create table sales.parts_1 partition of sales.parts for values from (0) to (10);
      create table sales.parts_2 partition of sales.parts for values from (10) to (20);
      insert into sales.parts select '2026-01-01 00:00:00.000001+00'::timestamptz + i * interval '1 us', i
        from generate_series(0, 19) i;
      create table sales.words (word citext primary key, twice int generated always as (2) stored);
      insert into sales.words values ('b'), ('A'), ('C'), ('d')`);
    if ((server?.version ?? 0) >= 18)
      await client.query("alter table sales.words add thrice int generated always as (3) virtual");
    await using orchestrator = await listening(create({ tables: ["sales.*"], batchSize: 3 }));
    const { tables } = await orchestrator.backfill("source");
    expect(tables.map(({ table, emitted }) => [table, emitted])).toEqual([
      ["sales.parts", 20],
      ["sales.words", 4],
    ]);
    const events = await allEvents(orchestrator);
    expect(events[0]?.id).toBe("2026-01-01T00:00:00.000001+00:00,0");
    expect(events.slice(20).map(({ data }) => data)).toEqual(
      ["A", "b", "C", "d"].map((word) => ({ word, twice: 2 })),
    );
    expect(await orchestrator.audit("source")).toMatchObject({ missing: 0 });
  });

  test("says why it cannot read: no key, no such operation, one under way already", async () => {
    await client.query("create table items (id int primary key); create table bare (id int unique)");
    await client.query("insert into items select generate_series(1, 100)");
    await using orchestrator = create({ tables: ["items", "bare"] });
    orchestrator.addInput(
      postgresInput({ name: "deaf", connectionString: url, tables: ["items"], operations: ["create"] }),
    );
    orchestrator.addInput({ name: "custom", handle: async () => undefined });
    await listening(orchestrator);
    await expect(orchestrator.backfill("source", { table: "bare" })).rejects.toThrow(/no primary key/);
    await expect(orchestrator.backfill("deaf")).rejects.toThrow(/lets no "read" through/);
    await expect(orchestrator.backfill("custom")).rejects.toThrow(/cannot backfill/);
    const ended = new AbortController();
    const slow = orchestrator.backfill("source", { table: "items", rate: "1/h" }, { signal: ended.signal });
    slow.catch(() => undefined);
    await expect(orchestrator.backfill("source")).rejects.toMatchObject({ code: "ALREADY_STARTED" });
    ended.abort();
    await expect(slow).rejects.toThrow(/aborted/);
  });

  test("a table without a primary key is read by a unique index over columns that are not null", async () => {
    await client.query("create table items (a int not null, b text not null, v int, unique (b, a))");
    await client.query("insert into items select i % 10, 'b' || i, i from generate_series(1, 50) i");
    await using orchestrator = await listening(create({ batchSize: 7 }));
    await orchestrator.backfill("source");
    const { rows } = await client.query("select b || ',' || a as id from items order by b collate \"C\", a");
    expect((await allEvents(orchestrator)).map(({ id }) => id)).toEqual(rows.map(({ id }) => id as string));
    expect(await orchestrator.audit("source")).toMatchObject({ missing: 0, tables: [{ seen: 50 }] });
  });

  test(
    "an audit waits for what a slot holds, and takes nothing for missing that it may hold",
    LONG,
    async () => {
      await client.query(
        "create table items (id int primary key); insert into items select generate_series(1, 5)",
      );
      const options = { mode: "replication", pollInterval: "200ms" } as const;
      {
        await using orchestrator = await listening(create(options));
        await client.query("insert into items select generate_series(6, 3000)");
        expect(await orchestrator.audit("source")).toMatchObject({
          missing: 5,
          tables: [{ rows: 3_000, seen: 2_995, pending: 0, samples: ["1", "2", "3", "4", "5"] }],
        });
      }
      await client.query("insert into items values (3001)");
      {
        await using stopped = create(options);
        await stopped.open();
        expect(await stopped.audit("source", { repair: true })).toMatchObject({
          missing: 0,
          repaired: 0,
          tables: [{ rows: 3_001, seen: 2_995, pending: 6 }],
        });
      }
      await using orchestrator = await listening(create(options));
      expect(await orchestrator.audit("source", { repair: true })).toMatchObject({ missing: 5, repaired: 5 });
      const events = await allEvents(orchestrator);
      expect(events.filter(({ id }) => id === "3001").map(({ operation }) => operation)).toEqual(["create"]);
    },
  );

  test("an audit finds what went by unseen, and repairs it, on a running and on a stopped pipeline", async () => {
    await client.query("create table items (id int primary key, v text)");
    {
      await using orchestrator = await listening(create());
      await client.query("insert into items select i, 'seen' from generate_series(1, 100) i");
      await client.query("delete from items where id = 100");
      await client.query("set session_replication_role = replica");
      await client.query("insert into items select i, 'unseen' from generate_series(100, 105) i");
      await client.query("set session_replication_role = origin");
      await eventually(
        () => allEvents(orchestrator),
        (events) => events.length === 101,
      );
      const report = await orchestrator.audit("source");
      expect(report.tables).toEqual([
        {
          table: "public.items",
          rows: 105,
          seen: 99,
          pending: 0,
          missing: 6,
          differs: 0,
          unknown: 0,
          repaired: 0,
          samples: ["100", "101", "102", "103", "104", "105"],
          differing: [],
        },
      ]);
      const repaired = await orchestrator.audit("source", { where: "id <= 103", repair: true });
      expect(repaired).toMatchObject({ missing: 4, repaired: 4 });
    }
    await client.query("insert into items values (200, 'waits in the outbox')");
    await using stopped = create();
    await stopped.open();
    expect(await stopped.audit("source", { repair: true })).toMatchObject({
      missing: 2,
      repaired: 2,
      tables: [{ rows: 106, seen: 103, pending: 1 }],
    });
    const reads = (await allEvents(stopped)).filter(({ operation }) => operation === "read");
    expect(reads.map(({ id }) => id)).toEqual(["100", "101", "102", "103", "104", "105"]);
    expect(await stopped.audit("source")).toMatchObject({ missing: 0 });
  });
});
