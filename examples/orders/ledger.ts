// What the order service itself knows: the other side of the check that nothing was lost or done twice.
import { appendFileSync, readFileSync } from "node:fs";
import { MARKETS } from "./markets.ts";

/** One delivery of one version of an order, and how it ended. */
export interface LedgerEntry {
  /** The same whenever this version is delivered again. */
  readonly delivery: string;
  readonly order: string;
  readonly version: number;
  readonly day: string;
  readonly country: string;
  readonly total: string;
  /** What the service knows to be wrong with it: `null` for a valid order. */
  readonly flaw: string | null;
  /** The final answer: 202 taken, 200 taken before, 4xx refused. */
  readonly status: number;
  /** The event that the pipeline made of it, or its place in the topic; `null` if it was refused. */
  readonly uid: string | null;
  /** Calls until there was an answer: a pipeline that is down, or cannot keep an event, is called again. */
  readonly calls: number;
}

/** A row of reporting.daily_sales. */
export interface Sales {
  readonly day: string;
  readonly region: string;
  readonly currency: string;
  readonly orders: number;
  readonly total: string;
}

/** Written before the service goes on, so that the ledger never knows less than the pipeline was told. */
export function enter(path: string, entry: LedgerEntry): void {
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

export function readLedger(path: string): LedgerEntry[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LedgerEntry);
}

/** One entry for each version that was acknowledged, however often it was delivered. */
export function acknowledged(ledger: readonly LedgerEntry[]): LedgerEntry[] {
  const taken = ledger.filter((entry) => entry.uid !== null);
  return [...new Map(taken.map((entry) => [entry.delivery, entry])).values()];
}

/** What the reporting table must say: of each order the latest acknowledged version that is valid. */
export function expectedSales(ledger: readonly LedgerEntry[]): Sales[] {
  const latest = new Map<string, LedgerEntry>();
  for (const entry of acknowledged(ledger)) {
    const known = latest.get(entry.order);
    if (entry.flaw === null && entry.version > (known?.version ?? 0)) latest.set(entry.order, entry);
  }
  const sums = new Map<string, { sales: Sales; orders: number; cents: number }>();
  for (const { day, country, total } of latest.values()) {
    const market = MARKETS.get(country);
    if (market === undefined) throw new Error(`the ledger calls an order to ${country} valid`);
    const key = [day, market.region, market.currency].join();
    const sum = sums.get(key) ?? { sales: { day, ...market, orders: 0, total: "" }, orders: 0, cents: 0 };
    sums.set(key, { ...sum, orders: sum.orders + 1, cents: sum.cents + Number(total.replace(".", "")) });
  }
  return [...sums.values()].map(({ sales, orders, cents }) => ({ ...sales, orders, total: decimal(cents) }));
}

/** Whole cents as PostgreSQL writes them. */
function decimal(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
}

/** Where two tables of sales differ, in words; empty if they agree. */
export function differences(expected: readonly Sales[], actual: readonly Sales[]): string[] {
  const texts = (sales: readonly Sales[]): Map<string, string> =>
    new Map(sales.map((s) => [`${s.day} ${s.region} ${s.currency}`, `${s.orders} orders, ${s.total}`]));
  const [wanted, found] = [texts(expected), texts(actual)];
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .toSorted()
    .filter((key) => wanted.get(key) !== found.get(key))
    .map((key) => `${key}: ledger ${wanted.get(key) ?? "nothing"}; warehouse ${found.get(key) ?? "nothing"}`);
}
