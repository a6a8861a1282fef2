import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { until, workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";

const block = guideBlocks("http-sources.md");
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** The shop of the guide: numbered orders, two a page, and a stream that is resumed by number. */
async function openShop() {
  const orders: { id: string; action: string; number: number }[] = [];
  const news: string[] = [];
  const asked: string[] = [];
  const streams: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.headers.authorization !== "Bearer a-token") {
      response.writeHead(401).end();
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? "", "http://shop");
    if (pathname === "/orders") {
      const since = Number(searchParams.get("since") ?? 0);
      asked.push(`since ${since}`);
      const page = orders.filter(({ number }) => number > since).slice(0, 2);
      response.end(JSON.stringify({ orders: page, next: page.at(-1)?.number ?? null }));
      return;
    }
    const from = Number(request.headers["last-event-id"] ?? 0);
    asked.push(`after ${from}`);
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": welcome\n\n");
    // It resumes one too early, as some do.
    for (const message of news.slice(Math.max(0, from - 1))) response.write(message);
    streams.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    order(id: string, action: string) {
      orders.push({ id, action, number: orders.length + 1 });
    },
    tell(name: string, order: string) {
      const message = `id: ${news.length + 1}\nevent: ${name}\ndata: {"order":"${order}"}\n\n`;
      news.push(message);
      for (const stream of streams) stream.write(message);
    },
  };
}

test(
  "the guide's pipeline takes what is polled and heard, and goes on after kill -9",
  { timeout: 60_000 },
  async () => {
    const shop = await openShop();
    const space = workspace(block("sluice.toml").replace('every = "1m"', 'every = "100ms"'));
    closing.push(() => space.remove());
    space.write("note.ts", block("note.ts"));
    space.write("notes.ndjson", "");
    const env = { SHOP_URL: shop.url, SHOP_TOKEN: "a-token" };
    const notes = (): string[] =>
      readFileSync(join(space.folder, "notes.ndjson"), "utf8")
        .trim()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const { trigger, operation, id } = JSON.parse(line) as Record<string, string>;
          return `${trigger} ${operation} ${id}`;
        })
        .toSorted();

    for (const [id, action] of [
      ["a", "create"],
      ["b", "create"],
      ["a", "update"],
    ] as const)
      shop.order(id, action);
    const first = await space.run({ env });
    await until(async () => shop.asked.includes("after 0"));
    shop.tell("order.update", "a");
    shop.tell("order.delete", "b");
    const before = [
      "news delete b",
      "news update a",
      "orders create a",
      "orders create b",
      "orders update a",
    ];
    await until(async () => notes().length === before.length);
    expect(notes()).toEqual(before);
    await until(async () => shop.asked.includes("since 3"));
    expect(shop.asked.filter((what) => what.startsWith("since")).slice(0, 3)).toEqual([
      "since 0",
      "since 2",
      "since 3",
    ]);

    // A run whose outcome is not on disk would run again.
    await until(async () => {
      const { items } = await space.api<{ items: unknown[] }>("GET", "runs?state=succeeded");
      return items.length === before.length;
    });
    await first.stop("SIGKILL");
    shop.order("c", "create");
    shop.tell("order.update", "c");
    const asked = shop.asked.length;
    const second = await space.run({ env });
    await until(async () => notes().length >= before.length + 2);
    expect(notes()).toEqual([...before, "news update c", "orders create c"].toSorted());
    const askedAgain = shop.asked.slice(asked);
    expect(askedAgain.find((what) => what.startsWith("since"))).toBe("since 3");
    // The id of the last message is kept after its event: the kill may have come in between.
    expect(askedAgain.find((what) => what.startsWith("after"))).toMatch(/^after [12]$/);
    const { inputs } = await space.json<{ inputs: { name: string; state: string }[] }>(["status"], { env });
    expect(inputs).toMatchObject([{ name: "orders" }, { name: "news", state: "running" }]);
    expect((await second.stop()).code).toBe(0);
  },
);
