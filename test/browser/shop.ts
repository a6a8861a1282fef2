import { setTimeout as delay } from "node:timers/promises";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createApi } from "../../src/http/api.ts";
import { listen } from "../../src/http/listen.ts";
import { openPage } from "../../src/http/page.ts";
import type { JournalDriver } from "../../src/journal/journal.ts";
import { journalFrom } from "../../src/journal/open.ts";
import type { Process, RunContext } from "../../src/model/component.ts";
import type { EventInit } from "../../src/model/event.ts";

export interface Shop extends AsyncDisposable {
  readonly orchestrator: Orchestrator;
  readonly url: string;
  /** Places an order, as the shop would: answers the event's uid. */
  order(data: Order): Promise<string>;
}

export interface Order {
  readonly id: string | number;
  readonly total?: number;
  /** Makes `enrich` fail with this message. */
  readonly fail?: string;
  /** Keeps `enrich` at work until it is cancelled. */
  readonly wait?: boolean;
  /** What `enrich` logs. */
  readonly log?: string;
  /** Whatever else is in it. */
  readonly [key: string]: unknown;
}

export interface ShopOptions {
  readonly token?: string;
  readonly viewerToken?: string;
  readonly config?: unknown;
  /** What a journal in memory is put into. Defaults to nothing. */
  readonly journal?: (driver: JournalDriver) => JournalDriver;
}

/** The orders example in miniature: three stages with stores between them, in memory. */
export async function openShop(page: string, options: ShopOptions = {}): Promise<Shop> {
  const { journal = (driver) => driver } = options;
  const orchestrator = new Orchestrator({ name: "orders", journal: journal(journalFrom("memory:")) });
  addListener(orchestrator, "orders", "webhook", ["shop.orders"]);
  addListener(orchestrator, "raw_orders", "postgres", ["raw.orders"]);
  addListener(orchestrator, "enriched_orders", "postgres", ["enriched.orders"]);
  addListener(orchestrator, "nightly", "cron");

  /** What the table's own input would see, caused by the run that wrote it. */
  const pass = async (to: string, location: string, data: Order, { run }: RunContext): Promise<void> => {
    await orchestrator.emit(to, {
      location,
      operation: "create",
      id: String(data.id),
      data,
      cause: { runs: [run.id], hops: 1 },
    });
  };
  const steps: readonly (readonly [Process<Order>, string, string])[] = [
    [
      {
        name: "land",
        type: "sql",
        writes: ["raw.orders"],
        async run({ data }, context) {
          await delay(4 + Math.random() * 12);
          await pass("raw_orders", "raw.orders", data, context);
        },
      },
      "orders",
      "land",
    ],
    [
      {
        name: "enrich",
        type: "function",
        writes: ["enriched.orders"],
        async run({ data }, context) {
          context.log(data.log ?? `order ${data.id}: looking its market up`);
          if (data.wait === true) await untilAborted(context.signal);
          await delay(15 + Math.random() * 60);
          if (data.fail !== undefined) throw new Error(data.fail);
          await pass("enriched_orders", "enriched.orders", data, context);
        },
      },
      "raw_orders",
      "enrich",
    ],
    [
      {
        name: "report",
        type: "sql",
        writes: ["reporting.daily_sales"],
        run: () => delay(5 + Math.random() * 25),
      },
      "enriched_orders",
      "report",
    ],
    [
      { name: "notify_large", type: "webhook", run: () => delay(60 + Math.random() * 120) },
      "enriched_orders",
      "notify_large",
    ],
    [
      {
        name: "compact",
        type: "container",
        reads: ["reporting.daily_sales"],
        writes: ["lake.sales"],
        run: () => delay(5),
      },
      "nightly",
      "compact",
    ],
  ];
  for (const [process, from, to] of steps) {
    orchestrator.addProcess(process, {
      retry: { attempts: 2, initial: "50ms" },
      grace: "200ms",
      concurrency: 8,
    });
    orchestrator.addLink(from, to, to === "notify_large" ? { when: "double(data.total) > 800.0" } : {});
  }
  await orchestrator.start();
  return open(orchestrator, page, options, "orders");
}

/** On a port of its own, with the page from `folder`. */
async function open(
  orchestrator: Orchestrator,
  folder: string,
  options: ShopOptions,
  input: string,
): Promise<Shop> {
  const page = openPage(folder);
  if (page === undefined) throw new Error(`there is no page in ${folder}`);
  const api = createApi(orchestrator, { ...options, page });
  const listener = await listen(api.fetch, { host: "127.0.0.1", port: 0 });
  return {
    orchestrator,
    url: listener.url,
    async order(data) {
      const event: EventInit = { location: "shop.orders", operation: "create", id: data.id, data };
      return (await orchestrator.emit(input, event)).uid;
    },
    async [Symbol.asyncDispose]() {
      api.close();
      await listener.close(0);
      await orchestrator.stop();
    },
  };
}

function addListener(
  orchestrator: Orchestrator,
  name: string,
  type: string,
  reads: readonly string[] = [],
): void {
  orchestrator.addInput({ name, type, reads, handle: ({ signal }) => untilAborted(signal) });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

const NAMES = ["Ada", "Grace", "Edsger", "Barbara", "Niklaus"] as const;

/** Orders as they come in on a usual day, until it is disposed of; some of them bad. */
export function openDoors({ order }: Pick<Shop, "order">, perSecond: number): Disposable {
  let next = 1_000;
  const timer = setInterval(() => {
    const id = next++;
    const total = Math.round(40 + Math.random() * 900);
    const fail =
      id % 61 === 0
        ? `order ${id} has no customer`
        : id % 97 === 0
          ? `unknown market "${id % 7}"`
          : undefined;
    const customer = { name: NAMES[id % NAMES.length], vip: id % 9 === 0 };
    order({
      id,
      total,
      customer,
      lines: [{ sku: `SKU-${id % 40}`, quantity: 1 + (id % 3) }],
      ...(fail !== undefined && { fail }),
    }).catch(() => undefined);
  }, 1_000 / perSecond);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A pipeline of many nodes: chains of five that share some of their stores. */
export async function openLargePipeline(page: string, nodes: number): Promise<Shop> {
  const orchestrator = new Orchestrator({ name: "large", journal: journalFrom("memory:") });
  const chains = Math.floor(nodes / 5);
  for (let chain = 0; chain < chains; chain++) {
    const reads = chain < 20 ? [`source.t${chain}`] : [`source.t${chain}`, `stage.t${chain - 20}`];
    addListener(orchestrator, `input_${chain}`, "postgres", reads);
    for (const [name, to] of [
      [`clean_${chain}`, chain],
      [`audit_${chain}`, chain],
    ] as const) {
      orchestrator.addProcess({ name, type: "sql", writes: [`stage.t${to}`], run: () => delay(5) });
      orchestrator.addLink(`input_${chain}`, name);
    }
  }
  await orchestrator.start();
  return open(orchestrator, page, {}, "input_0");
}
