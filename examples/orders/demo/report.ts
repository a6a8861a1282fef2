// What main.ts prints in the end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Pool } from "sluice/postgres";
import { check, printTable, title } from "../../support/print.ts";
import { acknowledged, differences, expectedSales, type LedgerEntry, type Sales } from "../ledger.ts";
import { CLI, CONFIG, deadLetters, runCounts, uidOfDelivery } from "./pipeline.ts";
import { countStages, type Stages } from "./stages.ts";

interface Ended {
  /** Of the pipeline's API. */
  readonly url: string;
  readonly warehouse: Pool;
  readonly ledger: readonly LedgerEntry[];
}

/** Prints what came out; answers whether the warehouse and the shop's ledger agree. */
export async function printReport({ url, warehouse, ledger }: Ended): Promise<boolean> {
  const stages = countStages(await runCounts(url));
  const { rows: sales } = await warehouse.query<Sales>(
    `select day::text, region, currency, orders::int, total::text from reporting.daily_sales
     where orders <> 0 or total <> 0 order by day, region, currency`,
  );
  const raw = await count(warehouse, "raw.orders");
  const enriched = await count(warehouse, "enriched.orders");

  title("The gold table, reporting.daily_sales");
  printTable(
    ["day", "region", "currency", "orders", "total"],
    sales.map(({ day, region, currency, orders, total }) => [day, region, currency, orders, total]),
  );

  title("What each stage did");
  const { land, enrich, report } = stages;
  printTable(
    ["process", "succeeded", "dead", "writes", "rows now"],
    [
      ["land", land.succeeded, land.dead, "raw.orders", raw],
      ["enrich", enrich.succeeded, enrich.dead, "enriched.orders", enriched],
      ["report", report.succeeded, report.dead, "reporting.daily_sales", sales.length],
    ],
  );

  title("Dead letters, kept with their reasons");
  const dead = await deadLetters(url);
  printTable(
    ["process", "code", "runs", "the newest says"],
    dead
      .map(({ process, error, count: runs }) => [process, error.code, runs, error.message] as const)
      .toSorted((a, b) => b[2] - a[2] || a[1].localeCompare(b[1])),
  );

  await printJourney(url, ledger);
  return printCheck({ ledger, stages, sales, raw });
}

/** Of an order that was changed, if there is one: from the HTTP call, through every stage, to the gold table. */
async function printJourney(url: string, ledger: readonly LedgerEntry[]): Promise<void> {
  const [first] = acknowledged(ledger)
    .filter(({ flaw }) => flaw === null)
    .toSorted((a, b) => b.version - a.version || a.order.localeCompare(b.order));
  if (first === undefined) return;
  // A topic answers with a place; the event was made of it later.
  const uid = isThroughTopic(first) ? await uidOfDelivery(url, first.delivery) : first.uid;
  title(`One order's journey: npx sluice show ${uid} --config examples/orders/sluice.toml`);
  const show = [CLI, "show", String(uid), "--config", CONFIG];
  await once(spawn(process.execPath, show, { stdio: "inherit" }), "exit");
}

function isThroughTopic({ uid }: LedgerEntry): boolean {
  return uid?.includes("/") === true;
}

interface Compared {
  readonly ledger: readonly LedgerEntry[];
  readonly stages: Stages;
  readonly sales: readonly Sales[];
  /** Rows of raw.orders. */
  readonly raw: number;
}

function printCheck({ ledger, stages, sales, raw }: Compared): boolean {
  const taken = acknowledged(ledger);
  const refused = ledger.filter(({ status }) => status >= 400).length;
  const again = ledger.length - refused - taken.length;
  const unanswered = ledger.reduce((sum, { calls }) => sum + calls - 1, 0);
  const orders = new Set(taken.map(({ order }) => order)).size;
  const invalid = taken.filter(({ flaw }) => flaw !== null).length;
  const expected = expectedSales(ledger);
  const wrong = differences(expected, sales);

  title("The shop's own ledger against the warehouse");
  console.log(
    `  ${ledger.length} deliveries: ${taken.length} taken, ${again} taken before, ${refused} refused`,
  );
  if (unanswered > 0) console.log(`  ${unanswered} calls had no answer, and were made again`);
  const checks = [
    check(taken.length === stages.land.succeeded, `${taken.length} taken, ${stages.land.succeeded} landed`),
    check(orders === raw, `${orders} different orders, ${raw} in raw.orders`),
    check(invalid === stages.enrich.dead, `${invalid} invalid, ${stages.enrich.dead} dead letters`),
    check(wrong.length === 0, `${expected.length} rows of totals, ${wrong.length} of them differ`),
  ];
  for (const line of wrong) console.log(`      ${line}`);
  return !checks.includes(false);
}

async function count(warehouse: Pool, table: string): Promise<number> {
  const { rows } = await warehouse.query<{ count: number }>(`select count(*)::int from ${table}`);
  return rows[0]?.count ?? 0;
}
