import fc from "fast-check";
import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually, openClient } from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import type { Process, RunContext } from "../../model/component.ts";
import { isPermanentError } from "../../model/errors.ts";
import type { EventInit } from "../../model/event.ts";
import { createRunContext, type TestRunContext } from "../../testing/context.ts";
import { processConformance } from "../../testing/processes/conformance.ts";
import { sqlProcess, type SqlProcessOptions } from "./index.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`sql processes ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  const made: Process[] = [];

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    await client.query(
      "create table t (id text, n numeric, data jsonb, cause text default current_setting('sluice.cause', true))",
    );
  });
  afterEach(async () => {
    for (const process of made.splice(0)) await process.close?.();
    await client.end();
  });

  function sql(
    options: Omit<SqlProcessOptions, "connectionString"> & { concurrency?: number; url?: string },
  ): Process {
    const { url: other, ...rest } = options;
    const process = sqlProcess({ name: "land", connectionString: other ?? url, ...rest });
    made.push(process);
    return process;
  }
  const contextOf = (event: EventInit, attempt = 1): TestRunContext =>
    createRunContext({ event, attempt, process: "land" });
  const rowsOf = async (text = "select * from t order by id"): Promise<Record<string, unknown>[]> =>
    (await client.query(text)).rows;

  test.each(
    processConformance({
      create: () => ({
        process: sql({
          statements: [
            "insert into t (id) values (:uid)",
            "select 1 / :data.divisor::int",
            "select pg_sleep(:data.seconds::int)",
          ],
        }),
        succeeds: { data: { divisor: 1, seconds: 0 } },
        fails: { data: { divisor: 0, seconds: 0 } },
        lasts: { data: { divisor: 1, seconds: 60 } },
        effects: async ({ id }) => (await client.query("select 1 from t where cause = $1", [id])).rows.length,
      }),
    }),
  )("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  test("bind the event's values, so that nothing in them is ever SQL, and no digit is lost", async () => {
    const process = sql({ statement: "insert into t (id, n, data) values (:id, :data.total, :data)" });
    const data = { total: "12345678901234567890.123456789", text: "'); drop table t; --" };
    const context = contextOf({ id: "$(rm) ' \" \\ :id", data });
    await process.run(context.event, context);
    expect(await rowsOf("select id, n::text, data, cause from t")).toEqual([
      { id: "$(rm) ' \" \\ :id", n: data.total, data, cause: context.run.id },
    ]);
  });

  test("keep any text and any JSON as it is", async () => {
    const process = sql({ statement: "insert into t (id, data) values (:data.text, :data.json)" });
    const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
    const json = fc
      .jsonValue()
      .filter(
        (value) => !JSON.stringify(value).includes("\\u") && value !== null && typeof value === "object",
      );
    await fc.assert(
      fc.asyncProperty(text, json, async (value, document) => {
        const context = contextOf({ data: { text: value, json: document } });
        await process.run(context.event, context);
        const { rows } = await client.query("delete from t returning id, data");
        expect(rows).toEqual([{ id: value, data: JSON.parse(JSON.stringify(document)) }]);
      }),
      { numRuns: 60 },
    );
  });

  test("do all statements or none", async () => {
    const process = sql({
      statements: ["insert into t (id) values (:id)", "insert into t (n) values (:data.n)"],
    });
    const context = contextOf({ id: "1", data: { n: "no number" } });
    const error = await Promise.resolve(process.run(context.event, context)).catch(
      (reason_: unknown) => reason_,
    );
    expect(isPermanentError(error)).toBe(true);
    expect(error).toMatchObject({ code: "SQL_FAILED", message: expect.stringContaining("SQLSTATE 22P02") });
    expect(await rowsOf()).toEqual([]);
    expect(await rowsOf("select * from sluice.applied")).toEqual([]);
  });

  test("take effect once, however often the run is attempted, one after the other or at the same time", async () => {
    const process = sql({ statement: "insert into t (id) values (:id)" });
    const first = contextOf({ id: "1" });
    await process.run(first.event, first);
    const again = { ...first, signal: first.signal, attempt: 2, fence: 2 } as RunContext;
    await Promise.all(Array.from({ length: 4 }, async () => process.run(first.event, again)));
    expect(await rowsOf()).toHaveLength(1);
    expect(await rowsOf("select run_id, fence from sluice.applied")).toEqual([
      { run_id: first.run.id, fence: "1" },
    ]);
  });

  test("take effect once when the connection dies before, during or after the commit", async () => {
    const process = sql({ statements: ["insert into t (id) values (:id)", "select pg_sleep(0.01)"] });
    const keptPid = (await rowsOf("select pg_backend_pid() as pid"))[0]?.["pid"];
    let isOver = false;
    const killer = (async () => {
      const own = await openClient(url);
      while (!isOver) {
        await own.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid not in (pg_backend_pid(), $1) and random() < 0.5`,
          [keptPid],
        );
        await new Promise((resolve) => setTimeout(resolve, 7));
      }
      await own.end();
    })();
    let failures = 0;
    for (let id = 0; id < 25; id += 1) {
      const context = contextOf({ id: String(id) });
      for (;;) {
        try {
          await process.run(context.event, context);
          break;
        } catch (error) {
          expect(isPermanentError(error)).toBe(false);
          expect(error).toMatchObject({ code: "NETWORK" });
          failures += 1;
        }
      }
    }
    isOver = true;
    await killer;
    expect(failures).toBeGreaterThan(0);
    expect(await rowsOf("select count(*)::int, count(distinct id)::int as ids from t")).toEqual([
      { count: 25, ids: 25 },
    ]);
  });

  test.each([
    ["a violated constraint", "do $$ begin raise unique_violation; end $$"],
    ["a value that is out of range", "insert into t (id) values (1 / (:id::int - 1))"],
    ["a missing table", "insert into nowhere values (:id)"],
    ["a syntax error", "insert in to t"],
    ["two statements in one", "delete from t; delete from t"],
  ])("call %s permanent", async (_what, statement) => {
    const process = sql({ statement });
    const context = contextOf({ id: "1" });
    await expect(process.run(context.event, context)).rejects.toSatisfy(isPermanentError);
  });

  test.each([
    ["a serialization failure", "do $$ begin raise exception using errcode = '40001'; end $$"],
    ["a deadlock", "do $$ begin raise exception using errcode = '40P01'; end $$"],
    ["an exception of one's own", "do $$ begin raise exception 'not yet'; end $$"],
  ])("leave %s to be retried", async (_what, statement) => {
    const context = contextOf({ id: "1" });
    const process = sql({ statement });
    const error = await Promise.resolve(process.run(context.event, context)).catch(
      (reason_: unknown) => reason_,
    );
    expect(isPermanentError(error)).toBe(false);
    expect(error).toMatchObject({ code: "SQL_FAILED" });
  });

  test("end the statement on the server when they are aborted, and reject with the reason", async () => {
    const process = sql({ statements: ["insert into t (id) values (:id)", "select pg_sleep(60)"] });
    const context = contextOf({ id: "1" });
    const running = Promise.resolve(process.run(context.event, context));
    running.catch(() => undefined);
    const sleeping = async (): Promise<number> =>
      (
        await rowsOf(
          "select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid() and datname = current_database()",
        )
      ).length;
    await eventually(sleeping, (count) => count === 1);
    context.abort();
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
    await eventually(sleeping, (count) => count === 0, 2_000);
    expect(await rowsOf()).toEqual([]);
    const next = contextOf({ id: "2" });
    const quick = sql({ statement: "insert into t (id) values (:id)" });
    await quick.run(next.event, next);
  });

  test("say that a server cannot be reached, without the password, and are retried", async () => {
    const process = sql({ statement: "select 1", url: url.replace("sluice-secret", "wrong-secret") });
    const context = contextOf({ id: "1" });
    const error = await Promise.resolve(process.run(context.event, context)).catch(
      (reason_: unknown) => reason_,
    );
    expect(isPermanentError(error)).toBe(false);
    expect(error).toMatchObject({ code: "NETWORK", message: expect.not.stringContaining("wrong-secret") });
  });

  test("are checked against the server without being run", async () => {
    const check = (statement: string) =>
      sqlProcess.check?.({ connectionString: url, statement }, { directory: "/" });
    await check("insert into t (id, data) values (:id, :data)");
    await check("do $$ begin perform 1 / 0; end $$");
    await expect(check("insert into nowhere values (:id)")).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(check("select 1; drop table t")).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(
      sqlProcess.check?.(
        { connectionString: "postgres://me:pw@127.0.0.1:1/x", statement: "select 1" },
        { directory: "/" },
      ),
    ).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
    expect(await rowsOf()).toEqual([]);
  });

  test("say what each statement did, and to how many rows; of a repetition, that it was done already", async () => {
    const statements = ["insert into t (id) values (:id), ('b')", "update t set n = 1", "select 1"];
    const process = sql({ statements });
    const context = contextOf({ id: "a" });
    await process.run(context.event, context);
    await process.run(context.event, context);
    expect(context.lines.map(({ text }) => text)).toEqual([
      "INSERT 2, UPDATE 2, SELECT 1",
      "an earlier attempt had done it already",
    ]);
  });

  test("are done at each attempt where nobody asked for once, in one transaction if they can", async () => {
    const process = sql({
      statements: ["insert into t (id) values (:id)", "select 1 / :data.divisor::int"],
      exactlyOnce: false,
    });
    const fails = contextOf({ id: "a", data: { divisor: 0 } });
    await expect(process.run(fails.event, fails)).rejects.toThrow(/division by zero/);
    const context = contextOf({ id: "b", data: { divisor: 1 } });
    await process.run(context.event, context);
    await process.run(context.event, context);
    expect(await rowsOf("select id, cause from t")).toEqual([
      { id: "b", cause: context.run.id },
      { id: "b", cause: context.run.id },
    ]);
    expect(await rowsOf("select to_regclass('sluice.applied') as applied")).toEqual([{ applied: null }]);
  });

  test("may refuse a transaction, if they need not take effect once", async () => {
    const statements = ["insert into t (id) values (:id)", "vacuum t"];
    expect(() => sql({ statements })).toThrow(/exactly_once = false/);
    const process = sql({ statements, exactlyOnce: false, concurrency: 1 });
    const context = contextOf({ id: "a" });
    await process.run(context.event, context);
    expect(await rowsOf("select id, cause from t")).toEqual([{ id: "a", cause: context.run.id }]);
    expect(context.lines).toMatchObject([{ text: "INSERT 1, VACUUM" }]);

    const slow = sql({ statements: ["vacuum t", "select pg_sleep(60)"], exactlyOnce: false });
    const aborted = contextOf({ id: "b" });
    const running = Promise.resolve(slow.run(aborted.event, aborted));
    const sleeping =
      "select 1 from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'";
    await eventually(
      () => rowsOf(sleeping),
      (rows) => rows.length === 1,
    );
    aborted.abort();
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
    await eventually(
      () => rowsOf(sleeping),
      (rows) => rows.length === 0,
    );
  });

  test("refuse options that make no sense", () => {
    const make = (options: object) => () => sqlProcess({ name: "x", connectionString: url, ...options });
    for (const options of [
      {},
      { statement: "select 1", statements: ["select 1"] },
      { statements: [] },
      { statement: "select :nope" },
      { statement: "select 1", connectionString: "mysql://h/d" },
      { statement: "select 1", unknown: 1 },
    ]) {
      expect(make(options)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
    }
  });
});
