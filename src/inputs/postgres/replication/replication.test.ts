import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  eventually,
  openClient,
  startInput,
  startReadyInput,
  type RunningInput,
  type StartOptions,
} from "../../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../../test/support/postgres.ts";
import { systemClock } from "../../../engine/system.ts";
import type { StateEntry } from "../../../model/component.ts";
import type { Event } from "../../../model/event.ts";
import { withTransaction } from "../../../postgres/index.ts";
import { checkSlot, uninstallSlot } from "./index.ts";
import { checkOptions } from "../../../model/kind.ts";
import { postgresInput } from "../index.ts";

const { server, reason } = await postgresForTests({
  settings: { max_replication_slots: "30", max_wal_senders: "30" },
});
const version = server?.version ?? 0;
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`a replication slot ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  const running: RunningInput[] = [];

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
  });
  afterEach(async () => {
    for (const input of running.splice(0)) await input.stop().catch(() => undefined);
    await client.end();
  });

  async function start(options: StartOptions): Promise<RunningInput> {
    const input = await startReadyInput(url, { mode: "replication", pollInterval: "200ms", ...options });
    running.push(input);
    return input;
  }
  async function slotName(): Promise<string> {
    const { rows } = await client.query(
      "select slot_name from pg_replication_slots where database = current_database()",
    );
    return rows[0]?.slot_name as string;
  }
  const shown = ({ operation, id }: Event): string => `${operation} ${id}`;

  test("both modes tell the same events of the same changes", { timeout: 30_000 }, async () => {
    await client.query(`
      create type mood as enum ('sad', 'ok'); create type pair as (a int, b text); create domain money2 as numeric(10,2);
      create table t (id bigint primary key, n numeric, f float8, b bool, by bytea, tz timestamptz, ts timestamp,
        d date, iv interval, j json, jb jsonb, u uuid, m mood, p pair, a int[], na numeric[], ta text[][], r int4range,
        dm money2, c char(4), txt text, bi bit(3), ba bit(2)[], ca char(3)[]);
      ${version < 18 ? "" : "alter table t add g int generated always as (3) stored;"}
      alter table t replica identity full;
      create table k (a int, b text, v int, primary key (b, a)); alter table k replica identity full;
      create table part (id int, v text, primary key (id)) partition by range (id);
      create table part1 partition of part for values from (0) to (100);
      create table part2 partition of part for values from (100) to (200);
      alter table part replica identity full; alter table part1 replica identity full; alter table part2 replica identity full;
      create table keyless (v text); alter table keyless replica identity full`);
    const tables = ["t", "k", "part", "keyless"];
    const outbox = await startReadyInput(url, {
      tables,
      data: "old+new",
      pollInterval: "200ms",
      subscription: "o",
    });
    running.push(outbox);
    const slot = await start({ tables, data: "old+new", subscription: "r" });
    const row = `9007199254740993, 1.50, 1e300, true, '\\x00ff', '2026-01-02 03:04:05.678901+02', '0044-03-15 01:02:03 BC',
      '2026-02-03', '1 day 2 hours', '{"a": 1.0,  "b":12345678901234567890}', '{"z":1,"a":[1,2]}',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ok', '(1,"x y")', '{1,null,3}', '{1.50,NaN}', '{{a,"b,c"},{d,null}}', '[1,5)', 3.1, 'ab'`;
    const run = "018f0000-0000-7000-8000-000000000000/enrich";
    const marked = `select set_config('sluice.cause', '${run}', true), pg_logical_emit_message(true, 'sluice.cause', '${run}');`;
    for (const sql of [
      `insert into t values (${row}, repeat('x', 10000), '101', '{01}', '{abc}'), (2, 'NaN', 'Infinity', false, null, 'infinity', '-infinity', 'infinity',
        null, null, 'null', null, null, null, '{}', null, null, 'empty', null, null, E'a\\u0001"\\\\\\n\\u007f€𝄞', null, null, null)`,
      "update t set b = false",
      "update t set id = id + 1 where id = 2",
      "delete from t where id = 3",
      "insert into k values (1, 'x,y', 1); update k set a = 2; update k set v = 5; delete from k",
      "insert into part values (5, 'a'), (150, 'b'); insert into part2 values (160, 'c'); update part set id = 7 where id = 5; update part set v = 'd' where id = 150; delete from part where id = 160",
      "insert into keyless values ('a'); update keyless set v = 'b'; delete from keyless",
      `begin; insert into k values (9, 'z', 0); ${version < 14 ? "" : marked} insert into k values (10, 'z', 0); commit`,
      "truncate k",
      "alter table k add column w jsonb default '{}'; insert into k values (1, 'n', 1, '[1]')",
    ])
      await client.query(sql);
    const isLast = (input: RunningInput) => (): number =>
      input.context.emitted.filter(({ id, location }) => location === "public.k" && id === "n,1").length;
    for (const input of [outbox, slot]) await eventually(isLast(input), (count) => count === 1);
    const bare = (input: RunningInput): unknown[] =>
      input.context.emitted.map(({ uid: _uid, time: _time, trigger: _trigger, ...rest }) => rest);
    expect(bare(slot)).toEqual(bare(outbox));
    expect(bare(slot).length).toBeGreaterThan(20);
  });

  test("a row that moves to another partition is a delete and a create, as the server itself logs it", async () => {
    await client.query(`create table part (id int primary key) partition by range (id);
      create table part1 partition of part for values from (0) to (100);
      create table part2 partition of part for values from (100) to (200)`);
    const input = await start({ tables: ["part"] });
    await client.query("insert into part values (5); update part set id = 170");
    await input.context.waitFor(3);
    expect(input.context.emitted.map(shown)).toEqual(["create 5", "delete 5", "create 170"]);
  });

  test("a large value that did not change is left out and named, unless the replica identity is full", async () => {
    await client.query("create table t (id int primary key, n int, big text)");
    await client.query("alter table t alter big set storage external");
    const input = await start({ tables: ["t"] });
    await client.query("insert into t values (1, 1, repeat('x', 10000))");
    await client.query("update t set n = 2");
    await client.query("delete from t");
    await input.context.waitFor(3);
    expect(input.context.emitted.slice(1)).toMatchObject([
      { data: { id: 1, n: 2 }, headers: { unsent: "big" } },
      { operation: "delete", data: { id: 1 } },
    ]);
  });

  test("a batch of a hundred thousand rows arrives once and in order", { timeout: 30_000 }, async () => {
    await client.query("create table t (id int primary key, v text)");
    const input = await start({ tables: ["t"] });
    await client.query("insert into t select i, repeat('v', 100) from generate_series(1, 100000) i");
    await eventually(
      () => input.context.emitted.length,
      (n) => n === 100_000,
      25_000,
    );
    expect(input.context.emitted.map(({ id }) => Number(id))).toEqual(
      Array.from({ length: 100_000 }, (_, i) => i + 1),
    );
  });

  test("what the journal took but did not confirm is sent again under the same uid", async () => {
    await client.query("create table t (id int primary key)");
    let isRefused = false;
    const input = await start({
      tables: ["t"],
      context: {
        beforeEmit: (event) => {
          if (isRefused && event.id === "2") throw new Error("the journal is gone");
        },
      },
    });
    await client.query("insert into t values (1)");
    await input.context.waitFor(1);
    isRefused = true;
    await client.query("insert into t values (2), (3)");
    await expect(input.ended).rejects.toThrow("the journal is gone");
    const { entries, seen } = input.context;
    const again = await start({ tables: ["t"], context: { state: entries, seen } });
    await again.context.waitFor(2);
    expect(again.context.emitted.map(shown)).toEqual(["create 2", "create 3"]);
  });

  test("an idle table does not hold back WAL that others write", async () => {
    await client.query("create table t (id int primary key); create table other (v text)");
    await start({ tables: ["t"] });
    await client.query("insert into other select repeat('x', 1000) from generate_series(1, 5000)");
    const { rows } = await client.query("select pg_current_wal_lsn()::text as lsn");
    await eventually(
      async () =>
        (
          await client.query(
            "select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as ok from pg_replication_slots where database = current_database()",
            [rows[0].lsn],
          )
        ).rows[0].ok as boolean,
      (ok) => ok,
    );
  });

  test("a slot that was dropped, or made anew, behind our back is an error that says what to do", async () => {
    await client.query("create table t (id int primary key)");
    const input = await start({ tables: ["t"] });
    const { entries, seen } = input.context;
    const slot = await slotName();
    await input.stop();
    await eventually(
      async () =>
        (await client.query("select active from pg_replication_slots where slot_name = $1", [slot])).rows[0]
          .active as boolean,
      (active) => !active,
    );
    await client.query("select pg_drop_replication_slot($1)", [slot]);
    const gone = startInput(url, { mode: "replication", tables: ["t"], context: { state: entries, seen } });
    await expect(gone.ended).rejects.toThrow(/is gone: .*on_lost_slot = "recreate".*sluice audit/);
    await client.query("insert into t values (1)");
    await client.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    const anew = startInput(url, { mode: "replication", tables: ["t"], context: { state: entries, seen } });
    await expect(anew.ended).rejects.toThrow(/made anew or moved on/);
    const told = await start({ tables: ["t"], onLostSlot: "recreate", context: { state: entries, seen } });
    await client.query("insert into t values (2)");
    await told.context.waitFor(1);
    expect(told.context.emitted.map(shown)).toEqual(["create 2"]);
  });

  test("a session that is terminated is followed by another within a second, and nothing is missed", async () => {
    await client.query("create table t (id int primary key)");
    const input = await start({ tables: ["t"] });
    await client.query("insert into t values (1)");
    await input.context.waitFor(1);
    for (const [round, which] of ["backend_type = 'walsender'", "backend_type <> 'walsender'"].entries()) {
      // Only a connection that has lasted is replaced at once.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where ${which} and datname = current_database() and application_name like 'sluice %'`,
      );
      const from = performance.now();
      await client.query("insert into t values ($1)", [round + 2]);
      await input.context.waitFor(round + 2);
      expect(performance.now() - from).toBeLessThan(1_000);
    }
    expect(input.context.emitted.map(shown)).toEqual(["create 1", "create 2", "create 3"]);
    expect(input.lines.filter((line) => line.includes("connecting again"))).toHaveLength(2);
  });

  test(
    "the initial snapshot and the changes after it join without a gap or an overlap",
    { timeout: 20_000 },
    async () => {
      await client.query(
        "create table t (id int primary key); insert into t select generate_series(1, 2500)",
      );
      const writer = await openClient(url);
      let isOver = false;
      let last = 2_500;
      const writing = (async () => {
        while (!isOver) {
          last += 1;
          await writer.query("insert into t values ($1)", [last]);
        }
      })();
      const input = await start({ tables: ["t"], snapshot: "initial" });
      await eventually(
        () => last,
        (id) => id > 2_800,
      );
      isOver = true;
      await writing;
      await writer.end();
      await eventually(
        () => input.context.emitted.length,
        (n) => n >= last,
      );
      expect(input.context.emitted.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: last }, (_, i) => i + 1),
      );
      const reads = input.context.emitted.filter(({ operation }) => operation === "read");
      expect(reads.length).toBeGreaterThanOrEqual(2_500);
      expect(reads.length).toBeLessThan(last);
    },
  );

  test("a snapshot that is cut off begins anew: every row is there, and so is what changed meanwhile", async () => {
    await client.query("create table t (id int primary key); insert into t select generate_series(1, 3000)");
    let count = 0;
    const first = startInput(url, {
      mode: "replication",
      tables: ["t"],
      snapshot: "initial",
      batchSize: 500,
      context: {
        beforeEmit: () => {
          count += 1;
          if (count > 1_200) throw new Error("the journal is gone");
        },
      },
    });
    await expect(first.ended).rejects.toThrow("the journal is gone");
    expect(first.context.emitted.length).toBeGreaterThan(0);
    await client.query("insert into t values (3001); delete from t where id = 1");
    const { entries, seen } = first.context;
    const next = await start({ tables: ["t"], snapshot: "initial", context: { state: entries, seen } });
    await client.query("insert into t values (3002)");
    await next.context.waitFor(3_001);
    const ids = next.context.emitted.map(({ id }) => Number(id));
    expect(ids).toEqual(Array.from({ length: 3_001 }, (_, index) => index + 2));
    const { rows } = await client.query(
      "select count(*)::int as n from pg_replication_slots where database = current_database()",
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  test.skipIf(version < 14)("what a transaction of a run changes has that run as its cause", async () => {
    await client.query("create table t (id int primary key)");
    const input = await start({ tables: ["t"] });
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const run = { id: "018f0000-0000-7000-8000-000000000000/enrich", process: "enrich" };
    const { signal } = new AbortController();
    const context = { run, fence: 1, signal, deadline: undefined, clock: systemClock };
    await withTransaction(pool, context, (tx) => tx.query("insert into t values (1)"));
    await client.query("insert into t values (2)");
    await input.context.waitFor(2);
    await pool.end();
    expect(input.context.emitted.map(({ cause }) => cause?.runs)).toEqual([[run.id], undefined]);
  });

  test(
    "a server that is restarted and crashes under load loses nothing, and nothing comes twice",
    { timeout: 60_000 },
    async () => {
      await client.query("create table t (id int primary key)");
      const seen = new Map<string, string>();
      const state = new Map<string, StateEntry>();
      const emitted: string[] = [];
      const codes = new Set<unknown>();
      let isOver = false;
      let current: RunningInput | undefined;
      const supervised = (async () => {
        while (!isOver) {
          current = startInput(url, {
            mode: "replication",
            tables: ["t"],
            pollInterval: "200ms",
            context: { seen, state },
          });
          await current.ended.catch((error: { code?: string; message: string }) =>
            codes.add(error.code ?? error.message),
          );
          emitted.push(...current.context.emitted.map(({ id }) => id));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      })();
      await current?.context.isReady.wait();
      const writers = Array.from({ length: 3 }, async (_, writer) => {
        for (let i = 0; !isOver; i += 1) {
          const own = await openClient(url).catch(() => undefined);
          try {
            for (; own !== undefined && !isOver; i += 1)
              await own.query("insert into t values ($1)", [writer * 1_000_000 + i]);
          } catch {
            // The server went away; the table tells what was committed.
          }
          await own?.end().catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      for (const mode of ["fast", "immediate", "fast", "immediate"] as const) {
        await new Promise((resolve) => setTimeout(resolve, 700));
        await server?.restart(mode);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      isOver = true;
      await Promise.all(writers);
      client = await openClient(url);
      const { rows } = await client.query("select id::text from t");
      await eventually(
        () => emitted.length + (current?.context.emitted.length ?? 0),
        (count) => count >= rows.length,
        20_000,
      );
      current?.context.stop();
      await supervised;
      expect(emitted.toSorted()).toEqual(rows.map(({ id }) => id as string).toSorted());
      expect(rows.length).toBeGreaterThan(100);
      expect([...codes]).toEqual(["SOURCE_UNAVAILABLE"]);
    },
  );

  test("the check names the right that a role lacks", async () => {
    const role = `reader_${process.pid}`;
    await client.query(`create role ${role} login password 'secret'`);
    const theirs = new URL(url);
    theirs.username = role;
    theirs.password = "secret";
    const check = (connectionString: string): Promise<unknown> =>
      checkSlot(checkOptions(postgresInput, { connectionString, tables: ["t"], mode: "replication" }, "in"));
    await expect(check(theirs.href)).rejects.toThrow(`role ${role} may not replicate: ALTER ROLE`);
    expect(await check(url)).toEqual({ notes: [] });
  });

  test("a table without a replica identity is left alone, so that its writers never fail", async () => {
    await client.query("create table t (v int); insert into t values (1)");
    const input = await start({ tables: ["t"] });
    await client.query("update t set v = 2");
    expect(input.lines.some((line) => line.includes("has no replica identity"))).toBe(true);
  });

  test("tables by glob, and those that appear later, are captured; uninstall leaves nothing", async () => {
    await client.query("create schema sales; create table sales.a (id int primary key)");
    const input = await start({ tables: ["sales.*"] });
    await client.query("create table sales.b (id int primary key)");
    await eventually(
      async () =>
        (await client.query("select 1 from pg_publication_tables where tablename = 'b'")).rows.length,
      (count) => count === 1,
    );
    await client.query("insert into sales.a values (1); insert into sales.b values (2)");
    await input.context.waitFor(2);
    expect(input.context.emitted.map(({ location }) => location)).toEqual(["sales.a", "sales.b"]);
    const options = checkOptions(
      postgresInput,
      { connectionString: url, tables: ["sales.*"], mode: "replication" },
      "in",
    );
    const owner = { name: "capture", pipeline: "test" };
    await expect(uninstallSlot(options, owner)).rejects.toMatchObject({ code: "SUBSCRIPTION_OWNED" });
    await input.stop();
    await eventually(
      () =>
        uninstallSlot(options, owner).then(
          () => true,
          () => false,
        ),
      (done) => done,
    );
    expect(await slotName()).toBeUndefined();
    expect((await client.query("select 1 from pg_publication")).rows).toEqual([]);
  });
});
