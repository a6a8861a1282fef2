import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test, vi } from "vitest";
import { postgresForTests } from "../../test/support/postgres.ts";
import { createRunContext } from "../testing/context.ts";
import { createPool, withTransaction } from "./index.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`a pool ${reason ?? ""}`, () => {
  const connectionString = server?.connectionString("postgres");

  test("outlives its connections: the server ends those that are idle, and those in use", async () => {
    await using pool = await createPool({ connectionString, applicationName: "victim", max: 2 });
    await using other = await createPool({ connectionString });
    const client = await pool.connect();
    await pool.query("select 1");
    const { rows } = await other.query<{ ended: boolean }>(
      "select pg_terminate_backend(pid) as ended from pg_stat_activity where application_name = 'victim'",
    );
    expect(rows).toEqual([{ ended: true }, { ended: true }]);
    await expect(client.query("select pg_sleep(10)")).rejects.toThrow(/terminat|connection/i);
    client.release(true);
    // Errors that nobody listens to would fail this file by now: vitest counts them as unhandled.
    expect((await vi.waitFor(() => pool.query("select 1 as one"))).rows).toEqual([{ one: 1 }]);
  });

  test("is what withTransaction takes, with rows as pg makes them", async () => {
    await using pool = await createPool({ connectionString });
    const outcome = await withTransaction(pool, createRunContext(), async (tx) => {
      const { rows } = await tx.query(
        `select 1::bigint as big, 0.1::numeric as exact, '{"a":1}'::jsonb as json`,
      );
      return rows;
    });
    expect(outcome.result).toEqual([{ big: "1", exact: "0.1", json: { a: 1 } }]);
  });

  test("has at most `max` connections, and may be ended before it is disposed of", async () => {
    await using pool = await createPool({ connectionString, max: 1 });
    const only = await pool.connect();
    const second = pool.connect();
    expect(await Promise.race([second, sleep(50, "waits")])).toBe("waits");
    only.release();
    (await second).release();
    await pool.end();
  });
});

test.each([undefined, "", "warehouse", "mysql://a@b/c"])(
  "a connection string that is %j is refused, not guessed",
  async (connectionString) => {
    await expect(createPool({ connectionString })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  },
);
