import type pg from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { until, workspace } from "../support/cli.ts";
import { commandsOf, guideBlocks } from "../support/guide.ts";
import { openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

interface Journey {
  readonly event: { readonly location: string; readonly id: string };
  readonly runs: readonly { readonly process: string; readonly state: string }[];
  readonly caused: readonly unknown[];
}

describe.skipIf(server === undefined)(`the guide to PostgreSQL ${reason ?? ""}`, () => {
  test(
    "does what it says: one order through three stages, followed by show, and nothing is left at the end",
    // A dozen commands, each of which a busy machine takes seconds to start.
    { timeout: 180_000 },
    async () => {
      const block = guideBlocks("postgres.md");
      const url = new URL((await server?.createDatabase()) as string);
      const client: pg.Client = await openClient(url.href);
      await client.query(block("tables"));
      await client.query(block("role").replace("database warehouse", `database "${url.pathname.slice(1)}"`));
      const capture = new URL(url);
      capture.username = "capture";
      capture.password = "secret";
      const env = { WAREHOUSE_URL: url.href, CAPTURE_URL: capture.href };
      const shop = workspace(block("sluice.toml"));
      try {
        for (const argv of commandsOf(block("check"))) {
          const { code, stderr } = await shop.sluice(argv, { env });
          expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        }
        shop.write("ca.pem", "-----BEGIN CERTIFICATE-----\n");
        shop.write("tls.toml", block("tls"));
        const direct = { ...env, WAREHOUSE_DIRECT_URL: url.href };
        expect(await shop.sluice(["validate", "tls.toml"], { env: direct })).toMatchObject({ code: 0 });

        const running = await shop.run({ env });
        await until(async () => {
          const { items } = await shop.api<{ items: { state: string }[] }>("GET", "inputs");
          return items.every(({ state }) => state === "running");
        });
        await client.query(block("order"));
        await until(async () => (await client.query("select 1 from reporting.customers")).rows.length === 1);
        const { items: events } = await shop.api<{ items: { uid: string; location: string }[] }>(
          "GET",
          "events",
        );
        const first = events.find(({ location }) => location === "raw.orders");
        const { event, runs, caused } = await shop.json<Journey>(["show", first?.uid as string]);
        expect(event).toMatchObject({ location: "raw.orders", id: "1" });
        expect(runs).toMatchObject([{ process: "enrich" }]);
        expect(JSON.stringify(caused)).toContain('"enriched.orders"');
        const shown = await shop.sluice(["show", first?.uid as string]);
        expect(shown.stdout).toMatch(/raw\.orders[^]*enrich[^]*enriched\.orders[^]*report/);
        expect((await shop.sluice(["status"])).stdout).toMatch(/BEHIND[^]*raw_orders.*nothing/);
        await running.stop();
        await client.query(
          "alter table raw.orders owner to capture; alter table enriched.orders owner to capture",
        );
        for (const argv of commandsOf(block("uninstall"))) {
          expect(await shop.sluice(argv, { env })).toMatchObject({ code: 0 });
        }
        const { rows } = await client.query(
          "select relname from pg_class where relnamespace = to_regnamespace('sluice') and relkind = 'r'",
        );
        expect(rows.map(({ relname }) => relname as string).filter((name) => name !== "applied")).toEqual(
          rows.some(({ relname }) => relname === "applied") ? ["subscriptions"] : [],
        );
        expect((await client.query("select 1 from pg_trigger where tgname like 'sluice%'")).rows).toEqual([]);
        expect((await shop.sluice(["uninstall", "raw_order"], { env })).stderr).toContain("did you mean");
      } finally {
        await client.end();
        await shop.remove();
      }
    },
  );
});
