// A shop that tells the pipeline of its orders by webhook (https://www.standardwebhooks.com), as shops do: some orders
// are invalid, some change later, some calls are made twice, some are refused. It keeps a ledger of what was answered.
//
//   node service.ts URL LEDGER ORDERS      with SHOP_SECRET in the environment
//
// With KAFKA_BROKERS in the environment it writes into the topic "orders" instead.
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { enter, type LedgerEntry } from "./ledger.ts";
import { MARKETS } from "./markets.ts";

const [url = "", ledger = "", count = "0"] = process.argv.slice(2);
const CALLS_AT_A_TIME = 16;
const COUNTRIES = [...MARKETS.keys()];
const ours = new Webhook(process.env["SHOP_SECRET"] ?? "");
const retired = new Webhook("whsec_cmV0aXJlZCBsYXN0IHllYXI=");
const brokers = process.env["KAFKA_BROKERS"];
await using topic = brokers === undefined ? undefined : (await import("./topic.ts")).openTopic(brokers);
/** Of the random numbers: every run sees the same orders, so that its end can be compared with the README. */
let seed = 20_261_116;

type Version = Omit<LedgerEntry, "status" | "uid" | "calls">;

/** What will be told of one order, and how. */
interface Plan {
  readonly versions: readonly Version[];
  /** Whether each call is made twice: senders must repeat a call whose answer they did not get. */
  readonly twice: boolean;
  readonly mistake: "cut off" | "signed with a retired secret" | undefined;
}

// A shop that nobody needs any more closes: main.ts is gone, however it went.
process.once("disconnect", () => process.exit(1));
process.channel?.unref();

const plans = Array.from({ length: Number(count) }, (_, index) => plan(index + 1)).values();
// All workers draw from one iterator.
await Promise.all(Array.from({ length: CALLS_AT_A_TIME }, sell));

async function sell(): Promise<void> {
  for (const { versions, twice, mistake } of plans) {
    for (const version of versions) {
      const calls = [tell(version, mistake), ...(twice ? [tell(version, mistake)] : [])];
      await Promise.all(calls);
    }
  }
}

/** Calls until there is an answer, and enters that. */
async function tell(version: Version, mistake: Plan["mistake"]): Promise<void> {
  if (topic !== undefined) {
    const { delivery, order } = version;
    const place = await topic.send({ key: order, value: documentOf(version), delivery });
    enter(ledger, { ...version, status: 202, uid: place, calls: 1 });
    return;
  }
  for (let calls = 1; ; calls += 1) {
    const response = await call(version, mistake).catch(() => undefined);
    // No answer, or none yet (503): whether the pipeline has it, we cannot know. Calling again with the same
    // webhook-id is safe.
    if (response === undefined || response.status >= 500) {
      await sleep(Math.min(1_000, 50 * 2 ** calls) * Math.random());
      continue;
    }
    const { uid = null } = (await response.json()) as { uid?: string };
    enter(ledger, { ...version, status: response.status, uid, calls });
    return;
  }
}

function documentOf(version: Version): string {
  const { order: id, country, total, day, flaw } = version;
  const action = version.version === 1 ? "create" : "update";
  const customer = flaw === "no customer" ? undefined : "Ada";
  return JSON.stringify({ action, id, customer, country, total, placedAt: `${day}T12:00:00Z` });
}

function call(version: Version, mistake: Plan["mistake"]): Promise<Response> {
  const order = documentOf(version);
  const body = mistake === "cut off" ? order.slice(0, -20) : order;
  const secret = mistake === "signed with a retired secret" ? retired : ours;
  const now = new Date();
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": version.delivery,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      "webhook-signature": secret.sign(version.delivery, now, body),
    },
    body,
  });
}

function plan(number: number): Plan {
  const order = `order-${String(number).padStart(6, "0")}`;
  const day = `2026-11-${pick(["16", "17", "18"])}`;
  const version = (version: number): Version => {
    const valid = { country: pick(COUNTRIES), total: price(), flaw: null };
    return {
      delivery: `${order}.${version}`,
      order,
      version,
      day,
      ...valid,
      ...(chance(0.03) ? flaw() : {}),
    };
  };
  const mistake = chance(0.01) ? pick(["cut off", "signed with a retired secret"] as const) : undefined;
  const versions = chance(0.1) ? [version(1), version(2)] : [version(1)];
  const twice = chance(0.05);
  // A topic knows no signatures, and keeps what it has acknowledged once.
  return topic === undefined ? { versions, twice, mistake } : { versions, twice: false, mistake: undefined };
}

function flaw(): Partial<Version> {
  return pick([
    { flaw: "no customer" },
    { flaw: "unknown country", country: "XX" },
    { flaw: "bad total", total: `-${price()}` },
  ]);
}

function price(): string {
  return ((100 + Math.floor(random() * 50_000)) / 100).toFixed(2);
}

function chance(probability: number): boolean {
  return random() < probability;
}

function pick<Item>(items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}
