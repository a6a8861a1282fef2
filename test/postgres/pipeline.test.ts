import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput } from "../../src/inputs/postgres/index.ts";
import type { EventRow } from "../../src/journal/history.ts";
import { withTransaction } from "../../src/postgres/index.ts";
import { sqlProcess } from "../../src/processes/sql/index.ts";
import { endHost, startHost } from "../support/host.ts";
import { eventually, openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

const HOST = fileURLToPath(new URL("./host.ts", import.meta.url));
const KILLS = 6;

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`a pipeline through PostgreSQL ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  let pool: pg.Pool;
  let directory: string;

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    pool = new pg.Pool({ connectionString: url });
    pool.on("error", () => undefined);
    directory = await mkdtemp(join(tmpdir(), "sluice-pipeline-"));
  });
  afterEach(async () => {
    await client.end();
    await pool.end();
    await rm(directory, { recursive: true, force: true });
  });

  test("a replay on purpose applies again, what the same run did before", async () => {
    await client.query("create table landed (id text)");
    await using orchestrator = new Orchestrator({ journal: `sqlite:${join(directory, "journal.db")}` });
    const shop = orchestrator.addInput({
      name: "shop",
      handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    const land = orchestrator.addProcess(
      sqlProcess({ name: "land", connectionString: url, statement: "insert into landed values (:id)" }),
    );
    orchestrator.addLink(shop, land);
    await orchestrator.start();
    const { uid } = await orchestrator.emit("shop", { id: "1" });
    await orchestrator.settled(uid);
    expect(await orchestrator.replay([`${uid}/land`])).toMatchObject([{ ok: true, run: `${uid}/land~1` }]);
    await orchestrator.settled(uid);
    expect((await client.query("select id from landed")).rows).toEqual([{ id: "1" }, { id: "1" }]);
    const { items } = await orchestrator.history.logs(`${uid}/land`);
    expect(items.map(({ text }) => text)).toEqual(["INSERT 1"]);
  });

  test("follows one order from its first event through every table it goes through", async () => {
    await client.query(`create schema raw; create schema enriched;
      create table raw.orders (id bigint primary key, total numeric);
      create table enriched.orders (id bigint primary key, total numeric, region text);
      create table gold (region text primary key, total numeric)`);
    await using orchestrator = new Orchestrator({ journal: `sqlite:${join(directory, "journal.db")}` });
    const shop = orchestrator.addInput({
      name: "shop",
      handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    const land = orchestrator.addProcess(
      sqlProcess({
        name: "land",
        connectionString: url,
        statement: "insert into raw.orders values (:data.id, :data.total)",
        writes: ["raw.orders:create"],
      }),
    );
    const raw = orchestrator.addInput(
      postgresInput<{ id: string; total: string }>({
        name: "raw",
        connectionString: url,
        tables: ["raw.orders"],
      }),
    );
    const enrich = orchestrator.addProcess({
      name: "enrich",
      async run(event, context) {
        const { id, total } = event.data as { id: string; total: string };
        await withTransaction(pool, context, (tx) =>
          tx.query("insert into enriched.orders values ($1, $2, 'eu')", [id, total]),
        );
      },
    });
    const enriched = orchestrator.addInput(
      postgresInput({ name: "enriched", connectionString: url, tables: ["enriched.orders"] }),
    );
    const report = orchestrator.addProcess(
      sqlProcess({
        name: "report",
        connectionString: url,
        statement: `insert into gold values (:data.region, :data.total)
          on conflict (region) do update set total = gold.total + excluded.total`,
      }),
    );
    orchestrator.addLink(shop, land);
    orchestrator.addLink(raw, enrich);
    orchestrator.addLink(enriched, report);
    await orchestrator.start();
    await eventually(
      () => orchestrator.inputs(),
      (rows) => rows.every(({ state }) => state === "running"),
    );

    const { uid } = await orchestrator.emit("shop", { data: { id: "9007199254740993", total: "0.10" } });
    for (let i = 0; i < 20; i += 1)
      await orchestrator.emit("shop", { data: { id: String(i), total: "0.10" } });
    await eventually(
      async () => (await client.query("select total::text from gold")).rows,
      (rows) => rows[0]?.total === "2.10",
    );

    const caused = async (of: string): Promise<EventRow> =>
      eventually(
        async () => (await orchestrator.history.journey(of))?.caused[0],
        (event) => event !== undefined,
      ) as Promise<EventRow>;
    const inRaw = await caused(uid);
    const inEnriched = await caused(inRaw.uid);
    expect(inRaw).toMatchObject({ trigger: "raw", id: "9007199254740993", cause: { runs: [`${uid}/land`] } });
    expect(inEnriched).toMatchObject({
      trigger: "enriched",
      data: { id: "9007199254740993", total: "0.10", region: "eu" },
      cause: { runs: [`${inRaw.uid}/enrich`] },
    });
    expect((await orchestrator.history.journey(inEnriched.uid))?.runs).toMatchObject([
      { process: "report", state: "succeeded" },
    ]);
  });

  test("stops a loop that closes through the database at its hop limit", async () => {
    await client.query("create table t (id int primary key, n int); insert into t values (1, 0)");
    await using orchestrator = new Orchestrator({ journal: `sqlite:${join(directory, "journal.db")}` });
    const changes = orchestrator.addInput(
      postgresInput({ name: "changes", connectionString: url, tables: ["t"] }),
    );
    const again = orchestrator.addProcess(
      sqlProcess({
        name: "again",
        connectionString: url,
        statement: "update t set n = n + 1 where id = :id::int",
      }),
    );
    orchestrator.addLink(changes, again);
    await orchestrator.start();
    await eventually(
      () => orchestrator.inputs(),
      (rows) => rows.every(({ state }) => state === "running"),
    );
    await client.query("update t set n = 0");
    const [dead] = await eventually(
      () => orchestrator.history.deadLetters(),
      (groups) => groups.length > 0,
    );
    expect(dead).toMatchObject({ process: "again", error: { code: "HOP_LIMIT" }, count: 1 });
    const { rows } = await client.query<{ n: number }>("select n from t");
    expect(rows[0]?.n).toBeGreaterThan(30);
    expect(rows[0]?.n).toBeLessThan(35);
  });

  test(
    `killed ${KILLS} times under load, takes every row to the end exactly once`,
    { timeout: KILLS * 20_000 + 90_000 },
    async () => {
      await client.query(`create schema source; create schema target;
        create table source.orders (id int primary key, amount numeric);
        create table target.orders (id int, amount numeric);
        create table target.totals (orders int, amount numeric);
        insert into target.totals values (0, 0)`);
      const journal = join(directory, "journal.db");
      let host = await startHost(HOST, [url, journal]);
      await eventually(
        async () => (await client.query("select 1 from pg_trigger where not tgisinternal")).rowCount,
        (count) => count === 8,
      );

      const applied = async (): Promise<number> =>
        (await pool.query("select orders from target.totals")).rows[0]?.orders as number;
      let isOver = false;
      let written = 0;
      const writer = (async () => {
        while (!isOver) {
          // On a busy machine the backlog must stay one that is done in time.
          if (written % 100 !== 0 || (await applied()) > written - 400)
            await client.query("insert into source.orders values ($1, 0.01)", [written++]);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      })();
      for (let kill = 0; kill < KILLS; kill += 1) {
        // A run that three deaths in a row meet is set aside: every second one waits until the suspects are through.
        const before = await applied();
        if (kill % 2 === 0) await eventually(applied, (orders) => orders >= before + 20, 30_000);
        await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 700));
        await endHost(host, "SIGKILL");
        host = await startHost(HOST, [url, journal]);
      }
      isOver = true;
      await writer;
      await eventually(applied, (orders) => orders >= written, 60_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await endHost(host, "SIGTERM");

      const { rows } = await client.query(`select orders, amount::text,
        (select count(*)::int from target.orders) as rows, (select count(distinct id)::int from target.orders) as ids
        from target.totals`);
      const amount = (written / 100).toFixed(2);
      expect(rows).toEqual([{ orders: written, amount, rows: written, ids: written }]);
      process.stdout.write(`${KILLS} kills, ${written} rows captured, each applied once at both stages\n`);
    },
  );
});
