import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { openClient } from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { createHorizon, type Horizon } from "./horizon.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`the floor of a look ${reason ?? ""}`, () => {
  let client: pg.Client;
  let writer: pg.Client;
  let horizon: Horizon;

  beforeEach(async () => {
    const url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    writer = await openClient(url);
    horizon = createHorizon(client as unknown as PgClient);
  });
  afterEach(async () => {
    await client.end();
    await writer.end();
  });

  test("stays at nothing until something was read", async () => {
    await horizon.ask();
    await horizon.ask();
    horizon.saw(undefined, undefined);
    expect(horizon.floor).toBe("0");
  });

  test("rises to what was read once a later look finds nothing before it", async () => {
    horizon.saw("1", "9007199254740993");
    await horizon.ask();
    horizon.saw(undefined, undefined);
    expect(horizon.floor).toBe("0");
    await horizon.ask();
    expect(horizon.floor).toBe("0");
    horizon.saw("5", "6");
    expect(horizon.floor).toBe("0");
    horizon.saw("9007199254740994", "9007199254740995");
    expect(horizon.floor).toBe("9007199254740993");
  });

  test("does not rise while a transaction is open that had begun to write before", async () => {
    await writer.query("begin; select pg_current_xact_id()");
    horizon.saw("1", "10");
    for (let i = 0; i < 3; i += 1) {
      await horizon.ask();
      horizon.saw(undefined, undefined);
    }
    expect(horizon.floor).toBe("0");
    await writer.query("commit");
    await horizon.ask();
    horizon.saw(undefined, undefined);
    expect(horizon.floor).toBe("10");
  });

  test("rises past a transaction that only reads, however long", async () => {
    await writer.query("begin isolation level repeatable read; select 1 from pg_class");
    horizon.saw("1", "10");
    await horizon.ask();
    await horizon.ask();
    horizon.saw(undefined, undefined);
    expect(horizon.floor).toBe("10");
  });
});
