import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { openClient } from "../../test/support/postgres-input.ts";
import { postgresForTests } from "../../test/support/postgres.ts";
import { systemClock } from "../engine/system.ts";
import { createRunContext } from "../testing/context.ts";
import { withTransaction } from "./index.ts";
import { withoutTransaction } from "./transaction.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`withTransaction ${reason ?? ""}`, () => {
  let pool: pg.Pool;
  beforeEach(async () => {
    pool = new pg.Pool({ connectionString: (await server?.createDatabase()) as string, max: 2 });
    pool.on("error", () => undefined);
    await pool.query(
      "create table t (id int primary key, cause text default current_setting('sluice.cause', true))",
    );
  });
  afterEach(() => pool.end());
  const ids = async (): Promise<number[]> =>
    (await pool.query("select id from t order by id")).rows.map((row) => row.id);

  test("answers what the work answers, and records the run as the cause of its changes, within it only", async () => {
    const context = createRunContext();
    const outcome = await withTransaction(pool, context, async (tx) => {
      await tx.query("insert into t values ($1)", [1]);
      return (await tx.query<{ cause: string }>("select cause from t")).rows[0]?.cause;
    });
    expect(outcome).toEqual({ repeated: false, result: context.run.id });
    expect((await pool.query("select current_setting('sluice.cause', true) as cause")).rows[0].cause).toBe(
      "",
    );
  });

  test.each([
    [undefined, 0],
    [30, 0],
    [365, 335],
    [Number.MAX_SAFE_INTEGER, 36_500],
  ])("remembers a run for longer than a journal keeps it dead: %s days", async (days, ahead) => {
    const replayableFor = days === undefined ? undefined : days * 86_400_000;
    await withTransaction(pool, { ...createRunContext(), replayableFor }, (tx) => tx.query("select 1"));
    const { rows } = await pool.query(
      "select round(extract(epoch from at - now()) / 86400)::int as ahead from sluice.applied",
    );
    expect(rows).toEqual([{ ahead }]);
  });

  test.each([
    ["withTransaction", withTransaction],
    ["withoutTransaction", withoutTransaction],
  ] as const)(
    "%s gives back a connection that it waited for when the attempt is aborted meanwhile",
    async (_, run) => {
      const taken = [await pool.connect(), await pool.connect()];
      const controller = new AbortController();
      const context = { ...createRunContext(), signal: controller.signal };
      const outcome = run(pool, context, (tx) => tx.query("insert into t values (1)"));
      controller.abort(new Error("enough"));
      for (const client of taken) client.release();
      await expect(outcome).rejects.toThrow("enough");
      expect(await ids()).toEqual([]);
      expect(pool.idleCount).toBe(pool.totalCount);
    },
  );

  test("does anew at once what the server gave up for another transaction, and then no more", async () => {
    await pool.query("insert into t values (1), (2)");
    const [first, second] = [createRunContext(), createRunContext()];
    let tries = 0;
    const both = createBarrier(2);
    const swap = (context: typeof first, from: number, to: number) =>
      withTransaction(pool, context, async (tx) => {
        tries += 1;
        await tx.query("update t set cause = 'x' where id = $1", [from]);
        await both();
        await tx.query("update t set cause = 'x' where id = $1", [to]);
      });
    await Promise.all([swap(first, 1, 2), swap(second, 2, 1)]);
    expect(tries).toBeGreaterThan(2);

    tries = 0;
    const hopeless = withTransaction(pool, createRunContext(), async (tx) => {
      tries += 1;
      await tx.query("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
    });
    await expect(hopeless).rejects.toMatchObject({ code: "40001" });
    expect(tries).toBe(4);
  });

  test("lets no statement go on after the deadline, even if nobody is there to end it", async () => {
    const context = { ...createRunContext({ clock: systemClock }), deadline: systemClock.now() + 50 };
    const sleeps = withTransaction(pool, context, (tx) => tx.query("select pg_sleep(60)"));
    await expect(sleeps).rejects.toMatchObject({ code: "57014" });
    const { rows } = await pool.query("show statement_timeout");
    expect(rows[0].statement_timeout).toBe("0");
  });

  test("does not run the work again for a run that was committed, but for another step of it", async () => {
    const context = createRunContext();
    const insert = (id: number, step?: string) =>
      withTransaction(
        pool,
        context,
        (tx) => tx.query("insert into t values ($1)", [id]),
        step === undefined ? {} : { step },
      );
    expect(await insert(1)).toMatchObject({ repeated: false });
    expect(await insert(2)).toEqual({ repeated: true });
    expect(await insert(3, "second")).toMatchObject({ repeated: false });
    expect(await insert(4, "second")).toEqual({ repeated: true });
    expect(await ids()).toEqual([1, 3]);
  });

  test("rolls back when the work throws, and can then be tried again", async () => {
    const context = createRunContext();
    const failing = withTransaction(pool, context, async (tx) => {
      await tx.query("insert into t values (1)");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await ids()).toEqual([]);
    expect(await withTransaction(pool, context, async () => "done")).toEqual({
      repeated: false,
      result: "done",
    });
  });

  test("does not take a transaction for committed whose failed statement was swallowed", async () => {
    const swallowing = withTransaction(pool, createRunContext(), async (tx) => {
      await tx.query("insert into t values (1)");
      await tx.query("nonsense").catch(() => undefined);
    });
    await expect(swallowing).rejects.toMatchObject({ code: "SQL_FAILED" });
    expect(await ids()).toEqual([]);
  });

  test("rejects with the reason when aborted, and gives its connection up", async () => {
    const context = createRunContext();
    const running = withTransaction(pool, context, async (tx) => {
      await tx.query("insert into t values (1)");
      context.abort();
      await tx.query("select pg_sleep(60)");
    });
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(await ids()).toEqual([]);
    expect(pool.totalCount).toBeLessThanOrEqual(2);
    await expect(withTransaction(pool, context, async () => 1)).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("a connection that is killed between two statements rejects, harms nobody else, and is not used again", async () => {
    const context = createRunContext();
    const killed = withTransaction(pool, context, async (tx) => {
      const { rows } = await tx.query<{ pid: number }>(
        "insert into t values (1) returning pg_backend_pid() as pid",
      );
      await pool.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await tx.query("select 1");
    });
    await expect(killed).rejects.toThrow(/terminat|closed|connection/i);
    expect(await withTransaction(pool, context, (tx) => tx.query("insert into t values (2)"))).toMatchObject({
      repeated: false,
    });
    expect(await ids()).toEqual([2]);
  });

  test("a dropped sluice.applied fails one attempt and is made anew for the next", async () => {
    await withTransaction(pool, createRunContext(), async () => undefined);
    await pool.query("drop schema sluice cascade");
    await expect(withTransaction(pool, createRunContext(), async () => undefined)).rejects.toMatchObject({
      code: "SQL_FAILED",
    });
    await withTransaction(pool, createRunContext(), async () => undefined);
  });

  test("many at once make the table once; old records are removed in the course of time", async () => {
    await Promise.all(
      Array.from({ length: 8 }, () => withTransaction(pool, createRunContext(), async () => undefined)),
    );
    await pool.query(`insert into sluice.applied select 'old' || i, 1, now() - interval '41 days' from generate_series(1, 150) i;
      insert into sluice.applied select 'young' || i, 1, now() - interval '39 days' from generate_series(1, 5) i`);
    for (let i = 0; i < 100; i += 1) await withTransaction(pool, createRunContext(), async () => undefined);
    const { rows } = await pool.query(
      "select count(*) filter (where run_id like 'old%')::int as old, count(*) filter (where run_id like 'young%')::int as young from sluice.applied",
    );
    expect(rows).toEqual([{ old: 0, young: 5 }]);
  });

  test("a role that may not create the table is told so, and needs no more than its rows once it is there", async () => {
    await pool.query(
      "do $$ begin create role plain login password 'p'; exception when duplicate_object then null; end $$; grant insert on t to plain",
    );
    const own = new URL(
      (pool as unknown as { options: { connectionString: string } }).options.connectionString,
    );
    own.username = "plain";
    own.password = "p";
    const poor = new pg.Pool({ connectionString: own.href });
    await expect(withTransaction(poor, createRunContext(), async () => undefined)).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("grant CREATE"),
    });
    await withTransaction(pool, createRunContext(), async () => undefined);
    await pool.query(
      "grant usage on schema sluice to plain; grant select, insert, delete on sluice.applied to plain",
    );
    await withTransaction(poor, createRunContext(), (tx) => tx.query("insert into t values (1)"));
    await poor.end();
    expect(await ids()).toEqual([1]);
  });

  test("the text of sluice.cause is what the capture's reader reads back", async () => {
    const client = await openClient(
      (pool as unknown as { options: { connectionString: string } }).options.connectionString,
    );
    const context = createRunContext({ process: "p".repeat(100) });
    await withTransaction(pool, context, (tx) => tx.query("insert into t values (1)"));
    expect((await client.query("select cause from t")).rows[0].cause).toBe(context.run.id);
    await client.end();
  });
});

/** Resolves for all once so many have come; for who comes later, at once. */
function createBarrier(count: number): () => Promise<void> {
  let come = 0;
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return () => {
    if (++come === count) open();
    return opened;
  };
}
