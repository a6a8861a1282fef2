import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  eventually,
  openClient,
  startInput,
  startReadyInput,
  type RunningInput,
  type StartOptions,
} from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import type { Event } from "../../model/event.ts";

const { server, reason } = await postgresForTests();
const version = server?.version ?? 0;
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`what the capture sees ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  let running: RunningInput | undefined;

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
  });
  afterEach(async () => {
    await running?.stop().catch(() => undefined);
    running = undefined;
    await client.end();
  });

  async function capture(
    tables: string[],
    options: Omit<StartOptions, "tables"> = {},
  ): Promise<RunningInput> {
    running = await startReadyInput(url, { tables, pollInterval: "200ms", ...options });
    return running;
  }

  /** The events that `sql` makes, as many as expected; fails if there are more. */
  async function eventsOf(input: RunningInput, count: number, ...sql: string[]): Promise<readonly Event[]> {
    const from = input.context.emitted.length;
    for (const text of sql) await client.query(text);
    await eventually(
      () => input.context.emitted.length,
      (length) => length >= from + count,
    );
    const { rows } = await client.query(
      "select relname from pg_class where relname like 'outbox_%' and relkind = 'r'",
    );
    for (const { relname } of rows) {
      await eventually(
        async () => (await client.query(`select count(*)::int as n from sluice.${relname}`)).rows[0].n,
        (n) => n === 0,
      );
    }
    expect(input.context.emitted.length - from).toBe(count);
    return input.context.emitted.slice(from);
  }

  test("a key that moves along many rows keeps each old key with its row", async () => {
    await client.query("create table t (id int primary key, name text)");
    await client.query("insert into t select i, 'n' || i from generate_series(1, 1000) i");
    const input = await capture(["t"], { data: "old+new" });
    const events = await eventsOf(input, 1_000, "update t set id = -id");
    for (const event of events) {
      expect(event.headers["previousid"]).toBe(String(-Number(event.id)));
      const { old, new: now } = event.data as { old: { name: string }; new: { name: string } };
      expect(old.name).toBe(now.name);
    }
  });

  test("an upsert is told apart into creates and updates", async () => {
    await client.query("create table t (id int primary key, n int); insert into t values (1, 1)");
    const input = await capture(["t"]);
    const upsert = "insert into t values (1, 10), (2, 20) on conflict (id) do update set n = excluded.n";
    const shown = (await eventsOf(input, 2, upsert)).map((event) => `${event.operation} ${event.id}`);
    expect(shown.toSorted()).toEqual(["create 2", "update 1"]);
  });

  test.skipIf(version < 15)("a MERGE is told apart into creates, updates and deletes", async () => {
    await client.query("create table t (id int primary key, n int); insert into t values (2, 2), (3, 3)");
    const input = await capture(["t"]);
    const merge = `merge into t using (values (2, 0), (3, null), (4, 4)) s (id, n) on t.id = s.id
      when matched and s.n is null then delete when matched then update set n = s.n
      when not matched then insert values (s.id, s.n)`;
    const shown = (await eventsOf(input, 3, merge)).map((event) => `${event.operation} ${event.id}`);
    expect(shown.toSorted()).toEqual(["create 4", "delete 3", "update 2"]);
  });

  test("a cascading delete shows in the referencing table", async () => {
    await client.query(
      "create table a (id int primary key); create table b (id int primary key, a int references a on delete cascade)",
    );
    await client.query("insert into a values (1); insert into b values (5, 1)");
    const input = await capture(["b"]);
    const [event] = await eventsOf(input, 1, "delete from a");
    expect(event).toMatchObject({
      location: "public.b",
      operation: "delete",
      id: "5",
      data: { id: 5, a: 1 },
    });
  });

  test("what is rolled back, and a statement that changes no row, is never seen", async () => {
    await client.query("create table t (id int primary key)");
    const input = await capture(["t"]);
    const events = await eventsOf(
      input,
      2,
      "begin; insert into t values (1); rollback",
      "begin; insert into t values (2); savepoint s; insert into t values (3); rollback to s; commit",
      "update t set id = id where false",
      "delete from t where id = 2",
    );
    expect(events.map((event) => `${event.operation} ${event.id}`)).toEqual(["create 2", "delete 2"]);
  });

  test("a row of several megabytes arrives whole, between small ones", async () => {
    await client.query("create table t (id int primary key, body text)");
    const input = await capture(["t"]);
    const events = await eventsOf(
      input,
      8,
      "insert into t values (1, 'small')",
      "insert into t select i, repeat(md5(i::text), 65536) from generate_series(2, 6) i",
      "insert into t values (7, 'small')",
      "delete from t where id = 2",
    );
    expect(events.map((event) => event.id)).toEqual(["1", "2", "3", "4", "5", "6", "7", "2"]);
    expect(events[1]?.data).toMatchObject({ body: expect.stringMatching(/^[0-9a-f]{2097152}$/) });
  });

  test("TRUNCATE is one delete of everything", async () => {
    await client.query("create table t (id int primary key); insert into t values (1), (2)");
    const input = await capture(["t"]);
    const [event] = await eventsOf(input, 1, "truncate t");
    expect(event).toMatchObject({
      operation: "delete",
      id: "*",
      headers: { truncate: "true" },
      data: undefined,
    });
  });

  test("a table that appears later is waited for, said, and captured", async () => {
    const input = await capture(["later", "public.never"]);
    expect(input.lines.filter((line) => line.includes("does not exist"))).toHaveLength(2);
    await client.query("create table later (id int primary key)");
    await eventually(
      () => input.lines,
      (lines) => lines.includes("info: public.later is captured now"),
    );
    await eventsOf(input, 1, "insert into later values (1)");
  });

  test("a glob covers the tables that fit, those that appear later too, and leaves all others alone", async () => {
    await client.query(
      "create schema sales; create table sales.a (id int primary key); create table other (id int)",
    );
    await client.query(
      "create view sales.v as select 1; create table sales.p (id int) partition by range (id)",
    );
    await client.query("create table sales.p1 partition of sales.p for values from (0) to (10)");
    const input = await capture(["sales.*", "none_*"]);
    const seen = await eventsOf(
      input,
      2,
      "insert into sales.a values (1)",
      "insert into sales.p1 values (2)",
      "insert into other values (3)",
    );
    expect(seen.map(({ location }) => location)).toEqual(["sales.a", "sales.p"]);
    expect(input.lines).toContainEqual(expect.stringContaining("public.none_* does not exist"));
    await client.query("create table sales.later (id int primary key)");
    await eventually(
      async () =>
        (await client.query("select 1 from pg_trigger where tgrelid = 'sales.later'::regclass")).rows.length,
      (triggers) => triggers > 0,
    );
    const [later] = await eventsOf(input, 1, "insert into sales.later values (4)");
    expect(later).toMatchObject({ location: "sales.later", id: "4" });
  });

  test("generated and toasted columns, and every type that JSON lacks, arrive without loss", async () => {
    await client.query(`create table exact (
      id uuid, part bigint, big bigint, amount numeric, none numeric, nan float8, bytes bytea, at timestamptz,
      many numeric[], doc jsonb, long text, next bigint generated always as (part + 2) stored,
      primary key (id, part))`);
    if (version >= 18)
      await client.query("alter table exact add before bigint generated always as (part - 1) virtual");
    await client.query("alter table exact alter long set storage external");
    const input = await capture(["exact"]);
    const [created, updated] = await eventsOf(
      input,
      2,
      `insert into exact values ('00000000-0000-0000-0000-00000000000a', 9007199254740993, -9223372036854775808,
        1.50, 'NaN', 'Infinity', '\\x00ff', '2026-11-24 12:00:00.123456+02', '{1.10,9007199254740993}',
        '{"n": 12345678901234567890, "a": [1.0]}', repeat('x', 100000))`,
      "update exact set amount = 2.50",
    );
    const data = {
      part: "9007199254740993",
      big: "-9223372036854775808",
      amount: "1.50",
      none: "NaN",
      nan: "Infinity",
      bytes: "\\x00ff",
      at: "2026-11-24T10:00:00.123456+00:00",
      many: ["1.10", "9007199254740993"],
      doc: { n: "12345678901234567890", a: [1] },
      next: "9007199254740995",
    };
    expect(created).toMatchObject({ id: "00000000-0000-0000-0000-00000000000a,9007199254740993", data });
    // A trigger does not see the value of a column that is computed when it is read: rather none than a null.
    expect(created?.data).not.toHaveProperty("before");
    // A toasted column that the update did not touch is there all the same.
    expect(updated?.data).toMatchObject({ ...data, amount: "2.50", long: "x".repeat(100_000) });
  });

  test("data is the key alone, or the columns that are wanted of a table", async () => {
    await client.query(
      "create table k (a int, b text, c int, primary key (b, a)); create table l (id int primary key, c int, d int)",
    );
    const input = await capture(["k", "l"], {
      columns: { "public.l": ["id", "d", "gone"] },
      data: "old+new",
    });
    const [, changed] = await eventsOf(input, 2, "insert into l values (1, 2, 3)", "update l set d = 4");
    expect(changed?.data).toEqual({ old: { id: 1, d: 3 }, new: { id: 1, d: 4 } });
    await input.stop();
    const keys = await capture(["k"], { data: "key" });
    const [created] = await eventsOf(keys, 1, "insert into k values (1, 'x', 5)");
    expect(created).toMatchObject({ id: "x,1", data: { b: "x", a: 1 } });
  });

  test("a table that is dropped and made anew is captured again; its last changes are not lost", async () => {
    await client.query("create table t (id int primary key)");
    const input = await capture(["t"]);
    await eventsOf(input, 1, "insert into t values (1); drop table t");
    await eventually(
      () => input.lines.length,
      (length) => length > 0,
    );
    await client.query("create table t (id bigint primary key, other text)");
    await eventually(
      () => input.lines,
      (lines) => lines.includes("info: public.t is captured now"),
    );
    const [event] = await eventsOf(input, 1, "insert into t values (2)");
    expect(event?.data).toEqual({ id: "2", other: null });
  });

  test("a table that is renamed loses its triggers to the one that takes its name", async () => {
    await client.query("create table t (id int primary key); create table fresh (id int primary key)");
    const input = await capture(["t"]);
    await client.query("begin; alter table t rename to retired; alter table fresh rename to t; commit");
    const triggered = (): Promise<string[]> =>
      client
        .query("select distinct tgrelid::regclass::text as name from pg_trigger where not tgisinternal")
        .then(({ rows }) => rows.map((row) => row.name));
    await eventually(triggered, (names) => names.length === 1 && names[0] === "t");
    const events = await eventsOf(input, 1, "insert into retired values (1)", "insert into t values (2)");
    expect(events[0]?.id).toBe("2");
  });

  test("altering a table while it is captured fails no writer and shows the new shape", async () => {
    await client.query("create table t (id int primary key, a int, b text)");
    const input = await capture(["t"]);
    const rows = await eventsOf(
      input,
      5,
      "insert into t values (1, 1, 'x')",
      "alter table t add column c numeric default 2.50",
      "insert into t values (2, 2, 'y', 3.10)",
      "alter table t drop column a; alter table t rename column b to d; alter table t alter column d type bytea using d::bytea",
      "update t set d = 'q' where id = 1",
      "alter table t rename column id to key",
      "insert into t values (3, 'z', 1)",
      "delete from t where key = 1",
    );
    expect(rows[0]?.data).toMatchObject({ a: 1, b: "x" });
    expect(rows[2]?.data).toMatchObject({ id: 1, d: "\\x71" });
    expect(rows[4]?.data).toMatchObject({ key: 1 });
  });

  test("names that try to break out of the SQL are only names", async () => {
    const hostile = `x"; DROP TABLE y; --`;
    await client.query(`create table y (id int); create schema "o'b\\s"; create table "x""; DROP TABLE y; --" ("k'\\" int primary key, "select" text);
      create table "o'b\\s"."$sluice$.t" (id int primary key)`);
    const input = await capture([hostile, `o'b\\s."$sluice$.t"`], {
      context: { name: "in" },
      subscription: `'; drop table y; -- "\\`,
    });
    const events = await eventsOf(
      input,
      2,
      `insert into "x""; DROP TABLE y; --" values (1, 'a')`,
      `insert into "o'b\\s"."$sluice$.t" values (2)`,
    );
    expect(events[0]).toMatchObject({
      location: `public.${hostile}`,
      id: "1",
      data: { "k'\\": 1, select: "a" },
    });
    expect(events[1]).toMatchObject({ location: `o'b\\s.$sluice$.t`, id: "2" });
    await client.query("select * from y");
    await input.stop();
    // Installed under these names, they are found again: nothing is installed twice.
    const before = await client.query("select oid from pg_trigger order by oid");
    await capture([hostile, `o'b\\s."$sluice$.t"`], {
      context: { name: "in" },
      subscription: `'; drop table y; -- "\\`,
    });
    expect((await client.query("select oid from pg_trigger order by oid")).rows).toEqual(before.rows);
  });

  test("rows written through the parent or straight into a partition are seen once, under the parent's name", async () => {
    await client.query(`create table p (id int, day date, n numeric, primary key (id, day)) partition by range (day);
      create table p1 (day date not null, n numeric, id int not null);
      alter table p attach partition p1 for values from ('2026-01-01') to ('2026-02-01');
      create table p2 partition of p for values from ('2026-02-01') to ('2026-03-01')`);
    const input = await capture(["p"]);
    const events = await eventsOf(
      input,
      6,
      "insert into p values (1, '2026-01-05', 1.0)",
      "insert into p1 values ('2026-01-06', 2.0, 2)",
      "update p set day = '2026-02-07' where id = 1",
      "update p1 set n = 3",
      "delete from p where id = 2",
      "truncate p2",
    );
    expect(new Set(events.map((event) => event.location))).toEqual(new Set(["public.p"]));
    expect(events.map((event) => `${event.operation} ${event.id}`)).toEqual([
      "create 1,2026-01-05",
      "create 2,2026-01-06",
      "update 1,2026-02-07",
      "update 2,2026-01-06",
      "delete 2,2026-01-06",
      "delete *",
    ]);
    expect(events[2]?.headers).toEqual({ previousid: "1,2026-01-05" });
    expect(events[3]?.data).toEqual({ id: 2, day: "2026-01-06", n: "3" });
    expect(events[5]?.headers).toEqual({ truncate: "true", partition: "public.p2" });
    await client.query("create table p3 partition of p for values from ('2026-03-01') to ('2026-04-01')");
    await eventually(
      async () => (await client.query("select 1 from pg_trigger where tgrelid = 'p3'::regclass")).rowCount,
      (count) => (count ?? 0) > 0,
    );
    await eventsOf(input, 1, "insert into p3 values (9, '2026-03-03', 1)");
  });

  test("a table without a key identifies a record by its whole row, along its changes", async () => {
    await client.query("create table t (a int, b text)");
    const input = await capture(["t"]);
    const [created, updated, deleted] = await eventsOf(
      input,
      3,
      "insert into t values (1, 'x')",
      "update t set b = 'y'",
      "delete from t",
    );
    expect(created?.id).toMatch(/^[0-9a-f]{32}$/);
    expect(updated?.headers["previousid"]).toBe(created?.id);
    expect(deleted?.id).toBe(updated?.id);
  });

  test("a row reads the same whatever the writer's session has set, and whoever writes needs no right on sluice", async () => {
    await client.query(`create table t (id timestamptz primary key, f float8, i interval, b bytea);
      do $$ begin create role writer login password 'w'; exception when duplicate_object then null; end $$;
      grant insert on t to writer`);
    const input = await capture(["t"]);
    const settings =
      "set timezone = 'Asia/Tokyo'; set intervalstyle = 'iso_8601'; set bytea_output = 'escape'; set extra_float_digits = -15; set datestyle = 'German'";
    const [event] = await eventsOf(
      input,
      1,
      `set role writer; ${settings}; insert into t values ('2026-01-01T00:00:00Z', 0.1::float8 + 0.2, '1 day', 'q'); reset role`,
    );
    expect(event).toMatchObject({
      id: "2026-01-01T00:00:00+00:00",
      data: { f: 0.300_000_000_000_000_04, i: "1 day", b: "\\x71" },
    });
  });

  test("a JSON column that PostgreSQL itself cannot look into fails no writer", async () => {
    await client.query("create table t (id int primary key, j json)");
    const input = await capture(["t"]);
    const [event] = await eventsOf(
      input,
      1,
      String.raw`insert into t values (1, '{"a": "\u0000", "a": 1e400}')`,
    );
    expect(event?.id).toBe("1");
  });

  test("only the wanted operations have triggers, and the datasets say so", async () => {
    await client.query("create table t (id int primary key)");
    const input = await capture(["t"], { operations: ["create", "delete"] });
    const { rows } = await client.query("select tgname from pg_trigger where not tgisinternal order by 1");
    expect(rows.map((row) => row.tgname.split("_").at(-1))).toEqual(["delete", "insert", "truncate"]);
    const events = await eventsOf(
      input,
      2,
      "insert into t values (1)",
      "update t set id = 2",
      "delete from t",
    );
    expect(events.map((event) => event.operation)).toEqual(["create", "delete"]);
  });

  test("what is no table, or operations that no table has, is refused with a clear error", async () => {
    await client.query("create view v as select 1 as id");
    const view = startInput(url, { tables: ["v"] });
    await expect(view.ended).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
      message: /public\.v is a view/,
    });
    const read = startInput(url, { tables: ["t"], operations: ["read"] });
    await expect(read.ended).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });

  test("the subscription's name is free, its outbox its own: two subscriptions each get every change", async () => {
    await client.query("create table t (id int primary key)");
    const one = await capture(["t"]);
    const two = await startReadyInput(url, { tables: ["t"], context: { name: "other" } });
    await eventsOf(one, 1, "insert into t values (1)");
    await eventually(
      () => two.context.emitted.length,
      (length) => length === 1,
    );
    expect(two.context.emitted[0]?.uid).not.toBe(one.context.emitted[0]?.uid);
    await two.stop();
  });

  test.each(["outbox", "replication"] as const)(
    "without a primary key, a unique index over columns that are not null names the record: %s",
    async (mode) => {
      await client.query(`create table u (a int not null, code text not null, v int, maybe int unique);
        create unique index on u (code) where v > 0; create unique index by_code on u (code, a);
        alter table u replica identity using index by_code;
        create table both_keys (id int primary key, code text not null unique);
        alter table both_keys replica identity using index both_keys_code_key`);
      const input = await capture(["u", "both_keys"], { mode, pollInterval: "200ms" });
      const events = await eventsOf(
        input,
        6,
        "insert into u values (1, 'x', 1); update u set a = 2; delete from u",
        "insert into both_keys values (7, 'y'); update both_keys set code = 'z'; delete from both_keys",
      );
      const shown = events.map(({ operation, id, headers }) => [operation, id, headers?.["previousid"]]);
      expect(shown).toEqual([
        ["create", "x,1", undefined],
        ["update", "x,2", "x,1"],
        ["delete", "x,2", undefined],
        ["create", "y", undefined],
        ["update", "z", "y"],
        ["delete", "z", undefined],
      ]);
    },
  );
});
