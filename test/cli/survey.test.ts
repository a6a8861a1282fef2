import type pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { AuditReport, BackfillReport } from "../../src/model/survey.ts";
import { until, workspace, type Workspace } from "../support/cli.ts";
import { openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

const PIPELINE = (url: string): string => `name = "shop"
[http]
listen = "127.0.0.1:0"

[[input]]
name = "orders"
type = "postgres"
connection_string = "${url}"
tables = ["raw.orders"]
batch_size = 100

[[process]]
name = "report"
type = "function"
module = "./report.ts"
on = "orders"
`;

describe.skipIf(server === undefined)(`sluice backfill and audit ${reason ?? ""}`, () => {
  let shop: Workspace;
  let client: pg.Client;

  beforeAll(async () => {
    const url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    await client.query(`create schema raw; create table raw.orders (id int primary key, total numeric);
      insert into raw.orders select i, i from generate_series(1, 1000) i`);
    shop = workspace(PIPELINE(url));
  });
  afterAll(async () => {
    await client.end();
    await shop.remove();
  });

  // Fourteen commands, each of which a busy machine takes seconds to start.
  test(
    "work through the owner, and on the journal of a pipeline that is stopped",
    { timeout: 90_000 },
    async () => {
      const running = await shop.run();
      await until(async () => {
        const { items } = await shop.api<{ items: { state: string }[] }>("GET", "inputs");
        return items[0]?.state === "running";
      });
      const lacking = await shop.sluice(["audit", "orders", "--json"]);
      expect(lacking.code).toBe(1);
      expect(JSON.parse(lacking.stdout) as AuditReport).toMatchObject({ missing: 1_000, repaired: 0 });

      const part = await shop.sluice(["backfill", "orders", "--where", "id <= 250"]);
      expect(part).toMatchObject({ code: 0, stdout: "raw.orders: 250 rows\n" });
      expect(part.stderr).toContain("raw.orders  [");
      const repaired = await shop.json<AuditReport>(["audit", "orders", "--repair"]);
      expect(repaired).toMatchObject({ missing: 750, repaired: 750 });
      expect((await shop.sluice(["audit", "orders"])).stdout).toBe(
        "raw.orders: 1,000 rows, 1,000 seen, 0 missing\n",
      );

      const unseen = "set session_replication_role = replica; update raw.orders set total = -1 where id = 5";
      await client.query(`${unseen}; set session_replication_role = origin`);
      expect(await shop.sluice(["audit", "orders"])).toMatchObject({ code: 0 });
      expect(await shop.sluice(["audit", "orders", "--data", "--rate", "100000/s"])).toMatchObject({
        code: 1,
        stdout: "raw.orders: 1,000 rows, 999 seen, 0 missing, 1 differing (5)\n",
      });
      expect(await shop.sluice(["audit", "orders", "--data", "--repair"])).toMatchObject({
        code: 0,
        stdout: "raw.orders: 1,000 rows, 999 seen, 0 missing, 1 differing (5), 1 repaired\n",
      });

      // Over the network nobody brings in SQL.
      const api = (path: string, body: object): Promise<Response> =>
        fetch(`${String(running.ready["http"])}/api/v1/inputs/orders/${path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        });
      expect((await api("backfill", { where: "true" })).status).toBe(403);
      expect((await api("backfill", { rate: 5 })).status).toBe(400);
      const lines = (await (await api("audit", {})).text()).trim().split("\n");
      expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual(
        expect.arrayContaining(["progress", "report"]),
      );
      expect(await shop.sluice(["backfill", "nobody"])).toMatchObject({ code: 2 });
      expect((await shop.sluice(["backfill", "orders", "--rate", "fast"])).stderr).toContain(
        "INVALID_OPTIONS",
      );
      await running.stop();

      const stopped = await shop.json<BackfillReport>(["backfill", "orders"]);
      expect(stopped.tables).toEqual([
        { table: "raw.orders", rows: 1_000, emitted: 1_000, overtaken: 0, resumed: false },
      ]);
      const status = await shop.json<{ processes: { runs: object }[] }>(["status"]);
      expect(status.processes[0]?.runs).toMatchObject({ queued: 1_000 });
    },
  );

  test("a backfill that is broken off goes on where it ended", { timeout: 60_000 }, async () => {
    const running = await shop.run();
    const controller = new AbortController();
    const answer = await fetch(`${String(running.ready["http"])}/api/v1/inputs/orders/backfill`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ rate: "500/s" }),
      signal: controller.signal,
    });
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) if (/"done":[1-9]/.test(decoder.decode(chunk))) break;
    controller.abort();
    let report: BackfillReport = { tables: [] };
    await until(async () => {
      const { code, stdout } = await shop.sluice(["backfill", "orders", "--json"]);
      if (code === 0) report = JSON.parse(stdout) as BackfillReport;
      return code === 0;
    });
    expect(report.tables[0]).toMatchObject({ rows: 1_000, resumed: true });
    expect(report.tables[0]?.emitted).toBeLessThan(1_000);
    await running.stop();
  });
});

test(
  "what a survey of a stopped pipeline fails with is told without its secrets",
  { timeout: 60_000 },
  async () => {
    const shop = workspace(PIPELINE("postgres://sluice:hunter22@127.0.0.1:1/shop"));
    onTestFinished(() => shop.remove());
    await (await shop.run()).stop();
    const failed = await shop.sluice(["backfill", "orders", "--rate", "hunter22"]);
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toContain("***");
    expect(failed.stderr).not.toContain("hunter22");
  },
);
