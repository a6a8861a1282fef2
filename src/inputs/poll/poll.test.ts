import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createFakeClock, type FakeClock } from "../../testing/clock.ts";
import { createInputContext, type TestInputContext } from "../../testing/context.ts";
import { inputConformance } from "../../testing/inputs/conformance.ts";
import { realClock } from "../../testing/real-clock.ts";
import { pollInput, type PollInputOptions } from "./index.ts";
import { nextLink } from "./page.ts";

const PATIENCE = { interval: 5, timeout: 10_000 };

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Source {
  readonly url: string;
  readonly requests: IncomingMessage[];
  answer: Answer;
}

async function serve(answer: Answer): Promise<Source> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume().on("end", () => source.answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const source: Source = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
    requests,
    answer,
  };
  return source;
}

/** Answers a list, as it is at the time. */
function listing(list: readonly unknown[]): Answer {
  return (_, response) => response.setHeader("content-type", "application/json").end(JSON.stringify(list));
}

interface Polling {
  readonly context: TestInputContext;
  readonly clock: FakeClock;
  readonly warnings: Record<string, unknown>[];
  /** Lets time go on to the next poll, and waits until that is over. */
  next(): Promise<void>;
  stop(): Promise<void>;
}

function start(
  source: Source,
  options: Partial<PollInputOptions> = {},
  before?: Pick<TestInputContext, "entries">,
): Polling {
  const clock = createFakeClock();
  const warnings: Record<string, unknown>[] = [];
  const logger = { ...silentLogger, warn: (about: object) => void warnings.push(about as never) };
  const context = createInputContext({
    name: "orders",
    clock,
    logger,
    ...(before !== undefined && { state: before.entries }),
  });
  const input = pollInput({ name: "orders", url: source.url, allowPrivate: true, ...options });
  const ended = input.handle(context);
  ended.catch(() => undefined);
  const stop = async (): Promise<void> => {
    context.stop();
    await ended;
  };
  closing.push(stop);
  return {
    context,
    clock,
    warnings,
    stop,
    async next() {
      const asked = source.requests.length;
      await expect
        .poll(async () => {
          await clock.advance(60_000);
          return source.requests.length;
        })
        .toBeGreaterThan(asked);
      await idle(source, clock);
    },
  };
}

/** Nothing is asked any more, and the next poll is waited for. */
async function idle(source: Source, clock: FakeClock): Promise<void> {
  let quiet = 0;
  let asked = source.requests.length;
  await expect
    .poll(async () => {
      await clock.advance(0);
      const isQuiet = clock.timers === 1 && source.requests.length === asked;
      quiet = isQuiet && source.requests.every((request) => request.complete) ? quiet + 1 : 0;
      asked = source.requests.length;
      return quiet;
    }, PATIENCE)
    .toBeGreaterThan(5);
}

async function first(source: Source, options: Partial<PollInputOptions> = {}): Promise<Polling> {
  const polling = start(source, options);
  await expect.poll(() => source.requests.length, PATIENCE).toBeGreaterThan(0);
  await idle(source, polling.clock);
  return polling;
}

test.each(
  inputConformance({
    async create() {
      const list: unknown[] = [];
      const source = await serve(listing(list));
      const input = pollInput({
        name: "orders",
        url: source.url,
        items: "",
        every: "100ms",
        allowPrivate: true,
      });
      return { input, context: { clock: realClock }, tell: async () => void list.push({ id: list.length }) };
    },
  }),
)("$name", ({ run }) => run());

describe("of a source that lists everything", () => {
  const options = { items: "", pick: { id: "/id" } } as const;

  test("each item is an event once, and again when it changes", async () => {
    const list = [
      { id: 1, total: 5 },
      { id: 2, total: 7 },
    ];
    const source = await serve(listing(list));
    const { context, next } = await first(source, options);
    expect(context.emitted).toMatchObject([
      { location: source.url, operation: "create", id: "1", data: { id: 1, total: 5 } },
      { operation: "create", id: "2" },
    ]);
    await next();
    expect(context.emissions).toBe(2);
    list[0] = { id: 1, total: 6 };
    list.push({ id: 3, total: 1 });
    await next();
    expect(context.emitted.slice(2)).toMatchObject([
      { operation: "update", id: "1", data: { total: 6 } },
      { operation: "create", id: "3" },
    ]);
    list[0] = { id: 1, total: 5 };
    await next();
    expect(context.emitted.slice(4)).toMatchObject([{ operation: "update", id: "1", data: { total: 5 } }]);
  });

  test("a version tells what has changed, whatever else is in an item", async () => {
    const list = [{ id: "a", updated: 1, viewed: 1 }];
    const source = await serve(listing(list));
    const { context, next } = await first(source, { ...options, version: "/updated" });
    list[0] = { id: "a", updated: 1, viewed: 2 };
    await next();
    expect(context.emissions).toBe(1);
    list[0] = { id: "a", updated: 2, viewed: 2 };
    await next();
    expect(context.emitted[1]).toMatchObject({ operation: "update", data: { viewed: 2 } });
  });

  test("a restart sends nothing again, and misses no change", async () => {
    const list = [{ id: 1 }, { id: 2 }] as Record<string, unknown>[];
    const source = await serve(listing(list));
    const before = await first(source, options);
    await before.stop();
    list[1] = { id: 2, changed: true };
    const after = start(source, options, before.context);
    await after.context.waitFor(1);
    expect(after.context.emitted).toMatchObject([{ operation: "update", id: "2" }]);
  });

  test("an item without an id is told by what it holds", async () => {
    const list: unknown[] = ["a", "b"];
    const source = await serve(listing(list));
    const { context, next } = await first(source, { items: "" });
    list[1] = "c";
    await next();
    expect(context.emitted.map((event) => event.data)).toEqual(["a", "b", "c"]);
  });

  test("an answer without items is one event, whenever it changes", async () => {
    let status = { state: "open" };
    const source = await serve((_, response) => response.end(JSON.stringify(status)));
    const { context, next } = await first(source);
    await next();
    status = { state: "closed" };
    await next();
    expect(context.emitted).toMatchObject([
      { operation: "create", data: { state: "open" } },
      { operation: "update", data: { state: "closed" } },
    ]);
  });

  test("fields are picked out of the items, and of an item that is none it is told why", async () => {
    const list = [
      { key: { id: 7 }, table: "t", op: "remove", at: "2026-01-01T00:00:00Z", row: { a: 1 } },
      { key: { id: 8 }, op: "explode" },
      { key: { id: 9 }, at: "yesterday" },
    ];
    const source = await serve(listing(list));
    const { context } = await first(source, {
      items: "",
      pick: { id: "/key/id", location: "/table", operation: "/op", time: "/at", data: "/row" },
      location: "shop",
    });
    expect(context.emitted).toMatchObject([
      { location: "t", id: "7", operation: "delete", time: "2026-01-01T00:00:00.000Z", data: { a: 1 } },
      {
        location: "shop",
        data: list[1],
        headers: { "sluice-undecodable": expect.stringContaining("explode") },
      },
      { location: "shop", data: list[2], headers: { "sluice-undecodable": expect.stringContaining("time") } },
    ]);
  });

  test("more items than it remembers are refused, rather than sent again and again", async () => {
    const source = await serve(listing([{ id: 1 }, { id: 2 }, { id: 3 }]));
    const { context, warnings } = await first(source, { ...options, remember: 2 });
    expect(context.emitted).toEqual([]);
    expect(warnings[0]).toMatchObject({
      err: { code: "INVALID_ANSWER", message: expect.stringContaining("raise remember") },
    });
  });

  test("what it remembers is bounded: an item that was gone for long is new again", async () => {
    let list = [{ id: 1 }];
    const source = await serve((request, response) => listing(list)(request, response));
    const { context, next } = await first(source, { ...options, remember: 2 });
    for (const id of [2, 3]) {
      list = [{ id }];
      await next();
    }
    list = [{ id: 1 }];
    await next();
    expect(context.emitted.map((event) => event.id)).toEqual(["1", "2", "3", "1"]);
    expect((context.entries.get("seen")?.value as { value: unknown[] } | undefined)?.value).toHaveLength(2);
  });
});

describe("of a server that knows validators", () => {
  test("304 is nothing new; ETag and Last-Modified are sent back, over restarts too", async () => {
    let version = 1;
    const source = await serve((request, response) => {
      const etag = `"v${version}"`;
      response.setHeader("etag", etag).setHeader("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
      if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
      else response.end(JSON.stringify({ version }));
    });
    const { context, next, stop, warnings } = await first(source);
    await next();
    expect(source.requests[1]?.headers).toMatchObject({
      "if-none-match": `"v1"`,
      "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT",
    });
    expect(context.emissions).toBe(1);
    await stop();
    version = 2;
    const after = start(source, {}, context);
    await after.context.waitFor(1);
    expect(source.requests[2]?.headers["if-none-match"]).toBe(`"v1"`);
    expect(after.context.emitted).toMatchObject([{ operation: "update", data: { version: 2 } }]);
    expect(warnings).toEqual([]);
  });

  test("304 that was not asked for is an error, and validators of another URL are not sent", async () => {
    const source = await serve((_, response) => response.setHeader("etag", `"a"`).end("[]"));
    const { context, stop } = await first(source);
    await stop();
    source.answer = (_, response) => response.writeHead(304).end();
    const other = start(source, { url: `${source.url}?all=1` }, context);
    await expect.poll(() => other.warnings, PATIENCE).toMatchObject([{ err: { code: "HTTP_STATUS" } }]);
    expect(source.requests[1]?.headers["if-none-match"]).toBeUndefined();
  });
});

describe("of a source with a cursor", () => {
  /** Items after a number, two at a time. */
  function numbered(items: { n: number }[]): Answer {
    return (request, response) => {
      const since = Number(new URL(request.url ?? "", "http://x").searchParams.get("since") ?? 0);
      const page = items.filter(({ n }) => n > since).slice(0, 2);
      response.end(JSON.stringify({ items: page, next: page.at(-1)?.n ?? null }));
    };
  }
  const cursor = { query: "since", from: "/next" };
  const options = { items: "/items", pick: { id: "/n" }, cursor } as const;
  const since = (request: IncomingMessage | undefined): string | null =>
    new URL(request?.url ?? "", "http://x").searchParams.get("since");

  test("it is sent from where the last answer ended, kept with the events", async () => {
    const items = [1, 2, 3].map((n) => ({ n }));
    const source = await serve(numbered(items));
    const { context, next, stop } = await first(source, options);
    expect(context.emitted).toMatchObject([{ operation: "unknown", id: "1" }, { id: "2" }]);
    await next();
    await next();
    expect(context.emitted.map((event) => event.id)).toEqual(["1", "2", "3"]);
    expect(source.requests.map(since)).toEqual([null, "2", "3"]);
    await stop();
    items.push({ n: 4 });
    const after = start(source, options, context);
    await after.context.waitFor(1);
    expect(since(source.requests.at(-1))).toBe("3");
    expect(after.context.emitted.map((event) => event.id)).toEqual(["4"]);
  });

  test("the journal that refuses events keeps no cursor either, and the input fails", async () => {
    const source = await serve(numbered([{ n: 1 }]));
    const context = createInputContext({
      name: "orders",
      beforeEmit: () => Promise.reject(new Error("no space")),
    });
    const input = pollInput({ name: "orders", url: source.url, allowPrivate: true, ...options });
    await expect(input.handle(context)).rejects.toThrow("no space");
    expect(context.entries.size).toBe(0);
  });

  test("pages are asked for until one is empty, if asked, each with a commit of its own", async () => {
    const source = await serve(numbered([1, 2, 3, 4, 5].map((n) => ({ n }))));
    const { context } = await first(source, { ...options, nextPage: "cursor" });
    expect(context.emitted.map((event) => event.id)).toEqual(["1", "2", "3", "4", "5"]);
    expect(source.requests.map(since)).toEqual([null, "2", "4", "5"]);
  });

  test("pages are bounded; the rest comes with the next poll", async () => {
    const source = await serve(numbered([1, 2, 3, 4, 5].map((n) => ({ n }))));
    const { context, next, warnings } = await first(source, { ...options, nextPage: "cursor", maxPages: 2 });
    expect(context.emitted).toHaveLength(4);
    await next();
    expect(context.emitted).toHaveLength(5);
    expect(warnings).toEqual([]);
  });

  test("it may come from the last item, begin somewhere, and include its last item again", async () => {
    const source = await serve((request, response) => {
      const from = Number(since(request));
      listing([1, 2, 3].filter((n) => n >= from).map((n) => ({ n })))(request, response);
    });
    const { context, next } = await first(source, {
      items: "",
      pick: { id: "/n" },
      cursor: { query: "since", item: "/n", initial: "2" },
    });
    await next();
    expect(source.requests.map(since)).toEqual(["2", "3"]);
    expect(context.emitted.map((event) => event.id)).toEqual(["2", "3"]);
  });

  test.each([{ next: {} }, { next: 2 ** 60 }, { next: "x".repeat(5_000) }])(
    "one that is none is an error: %j",
    async (answer) => {
      const source = await serve((_, response) => response.end(JSON.stringify({ items: [], ...answer })));
      const { warnings } = await first(source, options);
      expect(warnings[0]).toMatchObject({ err: { code: "INVALID_ANSWER" } });
    },
  );
});

describe("of a source with pages", () => {
  const pages = (link: (path: string) => object): Answer => {
    return (request, response) => {
      const page = Number(new URL(request.url ?? "", "http://x").searchParams.get("page") ?? 1);
      const more = page < 3 ? link(`/orders?page=${page + 1}`) : {};
      const { headers = {}, ...rest } = more as { headers?: Record<string, string> };
      response.writeHead(200, headers).end(JSON.stringify({ items: [{ id: page }], ...rest }));
    };
  };
  const options = { items: "/items", pick: { id: "/id" } } as const;

  test.each([
    ["a pointer", { nextPage: "/more/href" }, pages((href) => ({ more: { href } }))],
    [
      "a Link header",
      { nextPage: "link" },
      pages((href) => ({ headers: { link: `<${href}>; rel="next"` } })),
    ],
  ] as const)("all are read that %s leads to", async (_, more, answer) => {
    const source = await serve(answer);
    const { context, next } = await first(source, { ...options, ...more });
    expect(context.emitted.map((event) => event.id)).toEqual(["1", "2", "3"]);
    await next();
    expect(context.emissions).toBe(3);
  });

  test("the cursor of any of them is kept with the last", async () => {
    const source = await serve((request, response) => {
      const { searchParams } = new URL(request.url ?? "", "http://x");
      const page = Number(searchParams.get("page") ?? 1);
      const more = page < 2 ? { more: `?page=${page + 1}`, next: "c-1" } : {};
      response.end(JSON.stringify({ items: [{ id: `${searchParams.get("since")}-${page}` }], ...more }));
    });
    const cursor = { query: "since", from: "/next" };
    const { context, next } = await first(source, { ...options, nextPage: "/more", cursor });
    expect(context.entries.get("cursor")).toMatchObject({ version: 1, value: { value: "c-1" } });
    await next();
    expect(source.requests.map(({ url }) => url)).toEqual([
      "/orders",
      "/orders?page=2",
      "/orders?since=c-1",
      "/orders?page=2",
    ]);
    expect(context.emitted.map((event) => event.id)).toEqual(["null-1", "null-2", "c-1-1"]);
  });

  test("there are no more than it may have: then it says that the rest was not read", async () => {
    const source = await serve(pages((href) => ({ next: href })));
    const { context, warnings } = await first(source, { ...options, nextPage: "/next", maxPages: 2 });
    expect(context.emitted).toHaveLength(2);
    expect(warnings[0]).toMatchObject({ err: { message: expect.stringContaining("max_pages") } });
  });

  test.each(["https://elsewhere.example/", "http://127.0.0.1:1/", "//elsewhere.example/", "http://", 7])(
    "none is followed to %s, where the headers would go along",
    async (next) => {
      const source = await serve((_, response) => response.end(JSON.stringify({ items: [], next })));
      const { warnings } = await first(source, { ...options, nextPage: "/next" });
      expect(source.requests).toHaveLength(1);
      expect(warnings[0]).toMatchObject({ err: { code: "INVALID_ANSWER" } });
    },
  );

  test.each([
    [`</b>; rel="next"`, "/b"],
    [`<https://a/?x=1,2>; rel="prev", <https://a/?x=3,4>; rel=next; title="a"`, "https://a/?x=3,4"],
    [`</c>; title="t"; rel="last next"`, "/c"],
    [`</c>; rel="last"`, undefined],
    ["nonsense", undefined],
    [`<${"; ".repeat(8_000)}`, undefined],
    [undefined, undefined],
  ])("the header Link is read: %j", (header, target) => expect(nextLink(header)).toBe(target));
});

describe("what is wrong with a source", () => {
  const broken: [string, Answer, string, Partial<PollInputOptions>?][] = [
    ["a status", (_, response) => response.writeHead(500).end("\u001b[31moops"), "HTTP_STATUS"],
    ["a refusal", (_, response) => response.writeHead(404).end(), "HTTP_STATUS"],
    [
      "a redirect",
      (_, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
      "HTTP_STATUS",
    ],
    ["no JSON", (_, response) => response.end("<html>"), "INVALID_ANSWER"],
    ["an empty answer", (_, response) => response.end(), "INVALID_ANSWER"],
    ["no UTF-8", (_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])), "INVALID_ANSWER"],
    ["JSON that is too deep", (_, response) => response.end("[".repeat(100_000)), "INVALID_ANSWER"],
    ["no list", (_, response) => response.end(`{"items":7}`), "INVALID_ANSWER", { items: "/items" }],
    [
      "too many items",
      (_, response) => response.end(`[${"0,".repeat(10_000)}0]`),
      "INVALID_ANSWER",
      { items: "" },
    ],
    [
      "too much",
      (_, response) => response.end(JSON.stringify("x".repeat(2_000))),
      "INVALID_ANSWER",
      { maxAnswer: "1KB" },
    ],
    ["an endless answer", (_, response) => flood(response), "INVALID_ANSWER", { maxAnswer: "1MB" }],
    [
      "a compressed one",
      (_, response) => response.setHeader("content-encoding", "gzip").end("[]"),
      "INVALID_ANSWER",
    ],
    [
      "one that breaks off",
      (_, response) => void response.setHeader("content-length", 10).write("[]", () => response.destroy()),
      "NETWORK",
    ],
    ["no answer", (_, response) => void response.destroy(), "NETWORK"],
  ];

  test.each(broken)("%s, is its last error, and it goes on", async (_, answer, code, options = {}) => {
    const source = await serve(answer);
    const polling = start(source, options);
    await expect.poll(() => polling.warnings, PATIENCE).toMatchObject([{ err: { code } }]);
    expect(polling.context.reported.error).toMatchObject({ code });
    const { message } = polling.context.reported.error as Error;
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    expect(message).not.toMatch(/\u001b/);
    source.answer = (_request, response) =>
      response.end(options.items === "/items" ? `{"items":[1]}` : "[1]");
    await polling.next();
    await polling.context.waitFor(1);
  });

  test("no answer in time is a failure, too", async () => {
    const source = await serve(() => undefined);
    const polling = start(source, { requestTimeout: "5s" });
    await expect.poll(() => source.requests.length, PATIENCE).toBe(1);
    await polling.clock.advance(5_000);
    await expect.poll(() => polling.warnings, PATIENCE).toMatchObject([{ err: { code: "TIMEOUT" } }]);
  });

  test("an answer that does not end in time as well", async () => {
    const source = await serve((_, response) => void response.write("["));
    const polling = start(source, { requestTimeout: "5s" });
    await expect
      .poll(async () => {
        await polling.clock.advance(1_000);
        return polling.warnings;
      })
      .toMatchObject([{ err: { code: "TIMEOUT" } }]);
  });

  test("makes it wait longer each time, and as long as Retry-After says", async () => {
    const source = await serve((_, response) => response.writeHead(503).end());
    const { clock, warnings } = start(source, { every: "1s" });
    for (const [index, most] of [2, 4, 8].entries()) {
      await expect.poll(() => warnings.length, PATIENCE).toBe(index + 1);
      const seconds = Number(warnings[index]?.["seconds"]);
      expect(seconds).toBeLessThanOrEqual(most);
      expect(seconds).toBeGreaterThanOrEqual(most / 2);
      if (index === 2) {
        source.answer = (_, response) => response.writeHead(429, { "retry-after": "600" }).end();
      }
      await clock.advance(seconds * 1_000);
    }
    await expect.poll(() => warnings.length, PATIENCE).toBe(4);
    expect(warnings[3]).toMatchObject({ seconds: 600 });
    const asked = source.requests.length;
    await clock.advance(599_000);
    expect(source.requests).toHaveLength(asked);
    await clock.advance(1_000);
    await expect.poll(() => source.requests.length, PATIENCE).toBe(asked + 1);
  });

  test("does not show its query, nor its path, nor what it echoes of the headers", async () => {
    const source = await serve((request, response) =>
      response.writeHead(500).end(request.headers.authorization),
    );
    const headers = { Authorization: "Bearer hidden-credential" };
    const polling = start(source, { url: `${source.url}?token=hidden-token`, headers });
    await expect.poll(() => polling.warnings, PATIENCE).toHaveLength(1);
    expect((polling.context.reported.error as Error).message).not.toMatch(/hidden|orders/);
  });
});

test("it is asked with the method, body and headers that were given", async () => {
  const source = await serve((_, response) => response.end("[]"));
  await first(source, { method: "POST", body: `{"q":1}`, headers: { Authorization: "Bearer x" } });
  expect(source.requests[0]).toMatchObject({
    method: "POST",
    headers: { authorization: "Bearer x", "content-type": "application/json", "content-length": "7" },
  });
});

test("ten thousand items of one answer are taken", async () => {
  const list = Array.from({ length: 10_000 }, (_, id) => ({ id, text: "x".repeat(100) }));
  const source = await serve(listing(list));
  const { context } = await first(source, { items: "", pick: { id: "/id" } });
  expect(context.emitted).toHaveLength(10_000);
});

describe("options", () => {
  const making = (given: object) => () => pollInput({ name: "n", url: "https://example.com/", ...given });

  test.each([
    [{ url: "http://127.0.0.1/" }, "PRIVATE_ADDRESS"],
    [{ url: "ftp://example.com/" }, "INVALID_OPTIONS"],
    [{ every: "10ms" }, "INVALID_OPTIONS"],
    [{ every: "soon" }, "INVALID_OPTIONS"],
    [{ body: "{}" }, "INVALID_OPTIONS"],
    [{ items: "orders" }, "INVALID_OPTIONS"],
    [{ cursor: { query: "since" } }, "INVALID_OPTIONS"],
    [{ cursor: { query: "since", from: "/a", item: "/b" } }, "INVALID_OPTIONS"],
    [{ cursor: { query: "since", item: "/b" } }, "INVALID_OPTIONS"],
    [{ nextPage: "cursor", items: "" }, "INVALID_OPTIONS"],
    [{ nextPage: "next" }, "INVALID_OPTIONS"],
    [{ headers: { "If-None-Match": "x" } }, "INVALID_OPTIONS"],
    [{ headers: { A: "b\r\nC: d" } }, "INVALID_OPTIONS"],
    [{ maxAnswer: "much" }, "INVALID_OPTIONS"],
    [{ remember: 0 }, "INVALID_OPTIONS"],
  ])("are refused: %j", (given, code) => expect(making(given)).toThrow(expect.objectContaining({ code })));
});

/** Writes until nobody reads any more. */
function flood(response: ServerResponse): void {
  const part = Buffer.alloc(64 * 1024, "1");
  const more = (): void => {
    while (!response.destroyed && response.write(part));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
}
