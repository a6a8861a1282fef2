import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput, type PostgresInputOptions } from "../../src/inputs/postgres/index.ts";
import { createSqliteJournal } from "../../src/journal/sqlite/driver.ts";
import { eventually, openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

const TABLE = `create table items (id int primary key, v text, at timestamptz default '2026-01-01 12:00+02',
  price numeric, tags text[], doc jsonb, big bigint, blob bytea)`;
const ROWS = `insert into items (id, v, price, tags, doc, big, blob) select i, 'seen', i / 3.0, array['a', null], '{"b": 1.50, "a": [9007199254740993]}',
  9007199254740993, '\\x00ff' from generate_series(1, 50) i`;

// Each takes seconds, since what may be on its way is waited for; a busy machine makes them many.
describe.skipIf(server === undefined)(
  `an audit that compares data ${reason ?? ""}`,
  { timeout: 60_000 },
  () => {
    let url: string;
    let client: pg.Client;
    let directory: string;

    beforeEach(async () => {
      url = (await server?.createDatabase()) as string;
      client = await openClient(url);
      directory = await mkdtemp(join(tmpdir(), "sluice-audit-"));
    });
    afterEach(async () => {
      await client.end();
      await rm(directory, { recursive: true, force: true });
    });

    async function listening(
      options: Partial<PostgresInputOptions> & { operations?: readonly string[] } = {},
      journal = createSqliteJournal(join(directory, "journal.db")),
    ): Promise<Orchestrator> {
      const orchestrator = new Orchestrator({ journal });
      orchestrator.addInput(
        postgresInput({
          name: "source",
          connectionString: url,
          tables: ["items"],
          pollInterval: "200ms",
          ...options,
        } as PostgresInputOptions & { name: string }),
      );
      await orchestrator.start();
      await orchestrator.ready();
      return orchestrator;
    }

    /** Does what no capture sees, in either mode. */
    async function unseen(mode: "outbox" | "replication", sql: string): Promise<void> {
      if (mode === "outbox") {
        await client.query(
          `set session_replication_role = replica; ${sql}; set session_replication_role = origin`,
        );
        return;
      }
      const { rows } = await client.query("select pubname from pg_publication");
      const name = String(rows[0]?.pubname);
      await client.query(`alter publication ${name} set (publish = 'truncate')`);
      await client.query(sql);
      await client.query(`alter publication ${name} set (publish = 'insert, update, delete, truncate')`);
    }

    async function count(orchestrator: Orchestrator): Promise<number> {
      return (await orchestrator.history.counters()).events["source"] ?? 0;
    }

    test.each([
      ["outbox", "new"],
      ["replication", "new"],
      ["outbox", "old+new"],
      ["replication", "old+new"],
    ] as const)("finds updates that went by unseen, and repairs them: %s, data = %s", async (mode, data) => {
      await client.query(`${TABLE}; alter table items replica identity full`);
      await using orchestrator = await listening({ mode, data });
      await client.query(ROWS);
      await client.query("update items set v = 'seen twice' where id <= 10");
      await eventually(
        () => count(orchestrator),
        (events) => events === 60,
      );
      expect(await orchestrator.audit("source", { data: true })).toMatchObject({ missing: 0, differs: 0 });

      await unseen(
        mode,
        "update items set price = price + 1 where id in (5, 7); insert into items values (99)",
      );
      // By key alone, they are seen; a column that came later is no difference, nor one that went.
      await client.query("alter table items add later int default 5; alter table items drop doc");
      expect(await orchestrator.audit("source")).toMatchObject({ missing: 1, differs: 0 });
      const repaired = await orchestrator.audit("source", { data: true, repair: true, rate: "10000/s" });
      expect(repaired).toMatchObject({
        missing: 1,
        differs: 2,
        repaired: 3,
        tables: [{ rows: 51, seen: 48, pending: 0, unknown: 0, samples: ["99"], differing: ["5", "7"] }],
      });
      const { items } = await orchestrator.history.events({ limit: 2 });
      const now = { price: "3.3333333333333333", v: "seen twice", later: 5 };
      expect(items).toMatchObject([
        { operation: "update", id: "7" },
        { operation: "update", id: "5", data: data === "new" ? {} : { old: null } },
      ]);
      const five = items[1]?.data as { new: object };
      expect(data === "new" ? five : five.new).toMatchObject({ ...now, price: "2.6666666666666667" });
      expect(await orchestrator.audit("source", { data: true })).toMatchObject({ missing: 0, differs: 0 });
    });

    test.each(["outbox", "replication"] as const)(
      "takes nothing for a difference that is being changed meanwhile: %s",
      async (mode) => {
        await client.query(TABLE);
        await using orchestrator = await listening({ mode });
        await client.query(ROWS);
        let isOver = false;
        const writers = [1, 2].map(async (number) => {
          const writer = await openClient(url);
          // To and fro: the same data may be there again.
          for (let i = number; !isOver; i += 1)
            await writer.query("update items set v = case v when 'a' then 'b' else 'a' end where id = $1", [
              1 + (i % 25),
            ]);
          await writer.end();
        });
        for (let round = 0; round < 3; round += 1) {
          expect(await orchestrator.audit("source", { data: true })).toMatchObject({
            missing: 0,
            differs: 0,
          });
        }
        isOver = true;
        await Promise.all(writers);
      },
    );

    test("does not know what was forgotten, or older than what the journal keeps", async () => {
      await client.query(TABLE);
      const journal = createSqliteJournal(join(directory, "journal.db"), { retention: { succeeded: "1ms" } });
      await using orchestrator = await listening({ columns: ["v"] }, journal);
      orchestrator.addProcess({
        name: "fails",
        run: () => Promise.reject(new Error("no")),
        settings: { retry: { attempts: 1 } },
      });
      orchestrator.addLink("source", "fails");
      await client.query(ROWS);
      await eventually(
        async () => (await orchestrator.history.counters()).runs["fails"]?.dead,
        (dead) => dead === 50,
      );
      await orchestrator.forget("public.items/1");
      await unseen(
        "outbox",
        "update items set v = 'unseen' where id = 2; update items set big = 0 where id = 3",
      );
      expect(await orchestrator.audit("source", { data: true, repair: true })).toMatchObject({
        missing: 0,
        differs: 0,
        repaired: 0,
        tables: [{ seen: 48, unknown: 2 }],
      });
    });

    test("refuses to compare what is not sent", async () => {
      await client.query(TABLE);
      await using orchestrator = await listening({ data: "key" });
      await expect(orchestrator.audit("source", { data: true })).rejects.toThrow(/only keys can be compared/);
      orchestrator.addInput(
        postgresInput({ name: "new", connectionString: url, tables: ["items"], operations: ["create"] }),
      );
      await expect(orchestrator.audit("new", { data: true })).rejects.toThrow(/lets no "update" through/);
    });
  },
);
