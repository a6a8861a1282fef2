import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import type { SluiceError } from "../../model/errors.ts";
import { createFakeClock, type FakeClock } from "../../testing/clock.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../testing/context.ts";
import { inputConformance } from "../../testing/inputs/conformance.ts";
import { sseInput, type SseInputOptions } from "./index.ts";

const PATIENCE = { interval: 5, timeout: 10_000 };

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Source {
  readonly url: string;
  readonly requests: IncomingMessage[];
  /** The stream that was opened last. */
  readonly streams: ServerResponse[];
  /** Answers instead of a stream, while it is set. */
  answer: ((response: ServerResponse) => void) | undefined;
  /** Resolves with the stream that is opened as the n-th. */
  opened(count: number): Promise<ServerResponse>;
}

async function serve(): Promise<Source> {
  const requests: IncomingMessage[] = [];
  const streams: ServerResponse[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    if (source.answer !== undefined) {
      source.answer(response);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" }).flushHeaders();
    streams.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const source: Source = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/stream`,
    requests,
    streams,
    answer: undefined,
    async opened(count) {
      await expect.poll(() => streams.length, PATIENCE).toBeGreaterThanOrEqual(count);
      return streams[count - 1] as ServerResponse;
    },
  };
  return source;
}

interface Listening {
  readonly context: TestInputContext;
  readonly clock: FakeClock;
  readonly warnings: { err: SluiceError; seconds: number }[];
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

function start(
  source: Source,
  options: Partial<SseInputOptions> = {},
  more: InputContextOptions = {},
): Listening {
  const clock = createFakeClock();
  const warnings: Listening["warnings"] = [];
  const logger = { ...silentLogger, warn: (about: object) => void warnings.push(about as never) };
  const context = createInputContext({ name: "feed", clock, logger, ...more });
  const ended = sseInput({ name: "feed", url: source.url, allowPrivate: true, ...options }).handle(context);
  ended.catch(() => undefined);
  const stop = (): Promise<void> => {
    context.stop();
    return ended;
  };
  closing.push(() => stop().catch(() => undefined));
  return { context, clock, warnings, ended, stop };
}

/** Lets time go on until the source is asked once more. */
async function again(source: Source, { clock }: Listening): Promise<void> {
  const before = source.requests.length;
  await expect
    .poll(async () => {
      await clock.advance(1_000);
      return source.requests.length;
    }, PATIENCE)
    .toBeGreaterThan(before);
}

test.each(
  inputConformance({
    async create() {
      const source = await serve();
      const input = sseInput({ name: "feed", url: source.url, allowPrivate: true });
      return { input, tell: async () => void source.streams.at(-1)?.write(`data: {"a":1}\n\n`) };
    },
  }),
)("$name", ({ run }) => run());

describe("a message", () => {
  test("is an event with its id, its data as JSON and its name in a header", async () => {
    const source = await serve();
    const { context } = start(source);
    const stream = await source.opened(1);
    stream.write(`: hello\nevent: order.create\nid: 7\ndata: {"total":\ndata: 5}\n\ndata: "plain"\n\n`);
    await context.waitFor(2);
    expect(context.emitted).toMatchObject([
      {
        location: source.url,
        operation: "unknown",
        id: "7",
        data: { total: 5 },
        headers: { "sse-event": "order.create" },
      },
      { data: "plain", headers: { "sse-event": "message" } },
    ]);
    expect(source.requests[0]?.headers).toMatchObject({ accept: "text/event-stream" });
    expect(source.requests[0]?.headers["last-event-id"]).toBeUndefined();
  });

  test("may be split anywhere, in the middle of a letter too", async () => {
    const source = await serve();
    const { context } = start(source, { read: "text" });
    const stream = await source.opened(1);
    for (const byte of Buffer.from("\ufeffid: ü1\r\ndata: Zoë 😀\r\n\r\n")) {
      stream.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await context.waitFor(1);
    expect(context.emitted).toMatchObject([{ id: "ü1", data: "Zoë 😀" }]);
  });

  test("has what its name says as its operation or location, if asked, and what is picked", async () => {
    const source = await serve();
    const operation = start(source, { eventAs: "operation", pick: { id: "/id", key: "/customer" } });
    (await source.opened(1)).write(
      `event: order.delete\ndata: {"id":3,"customer":"c"}\n\nevent: ping\ndata: {}\n\n`,
    );
    await operation.context.waitFor(2);
    expect(operation.context.emitted).toMatchObject([
      { operation: "delete", id: "3", key: "c" },
      { operation: "unknown" },
    ]);
    const location = start(source, { eventAs: "location", pick: { operation: "/op" } });
    (await source.opened(2)).write(`event: orders\ndata: {"op":"insert"}\n\n`);
    await location.context.waitFor(1);
    expect(location.context.emitted).toMatchObject([{ location: "orders", operation: "create" }]);
  });

  test("of another name than those that are wanted is left out, but moves on", async () => {
    const source = await serve();
    const { context } = start(source, { events: ["order"] });
    (await source.opened(1)).write(`id: 1\nevent: order\ndata: 1\n\nid: 2\nevent: noise\ndata: 2\n\n`);
    await context.waitFor(1);
    await expect.poll(() => context.entries.get("last-event-id")?.value, PATIENCE).toMatchObject({ id: "2" });
    expect(context.emissions).toBe(1);
  });

  test.each([
    ["no JSON", "nonsense", {}],
    ["too deep", "[".repeat(5_000), {}],
    ["no operation", `{"op":"explode"}`, { pick: { operation: "/op" } }],
    ["no time", `{"at":"yesterday"}`, { pick: { time: "/at" } }],
  ])("that cannot be read (%s) is kept as text, and stops nothing", async (_, data, options) => {
    const source = await serve();
    const { context } = start(source, options);
    (await source.opened(1)).write(`data: ${data}\n\ndata: {}\n\n`);
    await context.waitFor(2);
    expect(context.emitted[0]).toMatchObject({ data, headers: { "sluice-undecodable": expect.any(String) } });
    expect(context.emitted[1]?.headers).toEqual({ "sse-event": "message" });
  });
});

describe("a stream that ends", () => {
  test("is opened anew where it ended, after what retry says", async () => {
    const source = await serve();
    const listening = start(source);
    const stream = await source.opened(1);
    stream.write(`retry: 10000\nid: a\ndata: 1\n\n`);
    await listening.context.waitFor(1);
    stream.end();
    await expect.poll(() => listening.clock.timers, PATIENCE).toBe(1);
    await listening.clock.advance(0);
    await listening.clock.advance(9_999);
    expect(source.requests).toHaveLength(1);
    await listening.clock.advance(1);
    await source.opened(2);
    expect(source.requests[1]?.headers["last-event-id"]).toBe("a");
    expect(listening.warnings).toEqual([]);
  });

  test("is resumed by a later start: the id is kept once its event is", async () => {
    const source = await serve();
    const first = start(source);
    (await source.opened(1)).write(`id: 1\ndata: 1\n\nid: zwei ü\ndata: 2\n\n`);
    await first.context.waitFor(2);
    await expect.poll(() => first.context.entries.get("last-event-id")?.version, PATIENCE).toBe(1);
    await first.stop();
    const second = start(source, {}, { state: first.context.entries, seen: first.context.seen });
    const stream = await source.opened(2);
    expect(Buffer.from(String(source.requests[1]?.headers["last-event-id"]), "latin1").toString()).toBe(
      "zwei ü",
    );
    // A server that resumes one too early.
    stream.write(`id: zwei ü\ndata: 2\n\nid: 3\ndata: 3\n\n`);
    await second.context.waitFor(1);
    expect(second.context.emitted).toMatchObject([{ id: "3" }]);
    expect(second.context.emissions).toBe(2);
  });

  test("of another URL is not resumed by the id of this one", async () => {
    const source = await serve();
    const first = start(source);
    (await source.opened(1)).write(`id: 1\ndata: 1\n\n`);
    await expect.poll(() => first.context.entries.has("last-event-id"), PATIENCE).toBe(true);
    await first.stop();
    start(source, { url: `${source.url}/other` }, { state: first.context.entries });
    await source.opened(2);
    expect(source.requests[1]?.headers["last-event-id"]).toBeUndefined();
  });

  test("an id that comes again with other data is no duplicate: servers count anew", async () => {
    const source = await serve();
    const { context } = start(source);
    (await source.opened(1)).write(`id: 1\ndata: 1\n\nid: 1\ndata: 1\n\nid: 1\ndata: 2\n\n`);
    await context.waitFor(2);
    expect(context.emitted.map((event) => event.data)).toEqual([1, 2]);
    expect(context.emissions).toBe(3);
  });

  test("an empty id takes the last one back; one that no header can hold is not sent", async () => {
    const source = await serve();
    const listening = start(source);
    const { context } = listening;
    (await source.opened(1)).write(`id: 1\ndata: 1\n\nid:\ndata: 2\n\n`);
    await context.waitFor(2);
    source.streams[0]?.end();
    await again(source, listening);
    expect(source.requests[1]?.headers["last-event-id"]).toBeUndefined();
    (await source.opened(2)).write(`id: a\u0007b\ndata: 3\n\n`);
    await context.waitFor(3);
    source.streams[1]?.end();
    await again(source, listening);
    expect(source.requests[2]?.headers["last-event-id"]).toBeUndefined();
  });

  test("an id too long for a request is not sent or kept, which is told", async () => {
    const source = await serve();
    const listening = start(source);
    (await source.opened(1)).end(`id: ${"i".repeat(5_000)}\ndata: {}\n\n`);
    await listening.context.waitFor(1);
    await again(source, listening);
    expect(source.requests[1]?.headers).not.toHaveProperty("last-event-id");
    expect(listening.context.reported.error).toMatchObject({
      message: expect.stringMatching(/id of 5000 characters/),
    });
    expect(JSON.stringify([...listening.context.entries])).not.toContain("iiii");
  });

  test("with retry: 0 is opened anew after a moment, not in a tight loop", async () => {
    const source = await serve();
    const listening = start(source);
    (await source.opened(1)).end("retry: 0\ndata: {}\n\n");
    let passed = 0;
    await expect
      .poll(async () => {
        await listening.clock.advance(10);
        passed += 10;
        return source.requests.length;
      }, PATIENCE)
      .toBe(2);
    expect(passed).toBeGreaterThanOrEqual(100);
  });

  test("for good, by a 204, finishes the input", async () => {
    const source = await serve();
    source.answer = (response) => response.writeHead(204).end();
    const { ended, warnings } = start(source);
    await ended;
    expect(warnings).toHaveLength(1);
  });
});

describe("what is wrong with a stream", () => {
  test.each<[string, (response: ServerResponse) => void, string]>([
    ["a status", (response) => response.writeHead(500).end(), "HTTP_STATUS"],
    ["a redirect", (response) => response.writeHead(307, { location: "/" }).end(), "HTTP_STATUS"],
    [
      "another type",
      (response) => response.setHeader("content-type", "text/html").end("<html>"),
      "INVALID_ANSWER",
    ],
    ["no type", (response) => response.end("data: 1\n\n"), "INVALID_ANSWER"],
    [
      "a compressed stream",
      (response) =>
        response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" }).end(),
      "INVALID_ANSWER",
    ],
    ["no answer", (response) => void response.destroy(), "NETWORK"],
  ])("%s, is its last error, and it goes on", async (_, answer, code) => {
    const source = await serve();
    source.answer = answer;
    const listening = start(source);
    await expect.poll(() => listening.warnings, PATIENCE).toMatchObject([{ err: { code } }]);
    expect(listening.context.reported.error).toMatchObject({ code });
    source.answer = undefined;
    await again(source, listening);
    (await source.opened(1)).write("data: 1\n\n");
    await listening.context.waitFor(1);
  });

  test("makes it wait longer each time, and as long as Retry-After says", async () => {
    const source = await serve();
    source.answer = (response) => response.writeHead(503).end();
    const { warnings, clock } = start(source);
    for (const [index, most] of [3, 6, 12].entries()) {
      await expect.poll(() => warnings.length, PATIENCE).toBe(index + 1);
      const seconds = warnings[index]?.seconds ?? 0;
      expect(seconds).toBeLessThanOrEqual(most);
      expect(seconds).toBeGreaterThanOrEqual(most / 2);
      if (index === 2) source.answer = (response) => response.writeHead(503, { "retry-after": "900" }).end();
      await clock.advance(seconds * 1_000);
    }
    await expect.poll(() => warnings.length, PATIENCE).toBe(4);
    expect(warnings[3]?.seconds).toBe(900);
  });

  test("a connection that breaks off is made anew, and told", async () => {
    const source = await serve();
    const listening = start(source);
    const stream = await source.opened(1);
    stream.write("id: 1\ndata: 1\n\n");
    await listening.context.waitFor(1);
    stream.destroy();
    await expect.poll(() => listening.warnings, PATIENCE).toMatchObject([{ err: { code: "NETWORK" } }]);
    await again(source, listening);
    expect(source.requests[1]?.headers["last-event-id"]).toBe("1");
  });

  test("silence is noticed; a comment is none", async () => {
    const source = await serve();
    const listening = start(source, { idle: "10s" });
    const stream = await source.opened(1);
    await listening.context.isReady.wait();
    await expect.poll(() => listening.clock.timers, PATIENCE).toBe(1);
    await listening.clock.advance(9_000);
    stream.write(": still here\n");
    // The comment, then an event behind it, so that it is known to have come.
    stream.write("data: 1\n\n");
    await listening.context.waitFor(1);
    await listening.clock.advance(0);
    await listening.clock.advance(9_000);
    expect(listening.warnings).toEqual([]);
    await listening.clock.advance(1_000);
    await expect.poll(() => listening.warnings, PATIENCE).toMatchObject([{ err: { code: "TIMEOUT" } }]);
    await again(source, listening);
  });

  test("a server that takes the call and says nothing is given up", async () => {
    const source = await serve();
    source.answer = () => undefined;
    const { clock, warnings } = start(source);
    await expect.poll(() => source.requests.length, PATIENCE).toBe(1);
    await clock.advance(30_000);
    await expect.poll(() => warnings, PATIENCE).toMatchObject([{ err: { code: "TIMEOUT" } }]);
  });

  test.each([
    ["whole", `id: 2\ndata: ${"x".repeat(5_000)}\n\n`],
    ["without an end", `data: ${"x".repeat(500_000)}`],
    ["of many lines", `data: ${"x".repeat(100)}\n`.repeat(5_000)],
  ])("a message that is too large (%s) is refused, and nothing behind it is taken", async (_, text) => {
    const source = await serve();
    const listening = start(source, { maxMessage: "4KB", read: "text" });
    (await source.opened(1)).write(`id: 1\ndata: small\n\n${text}`);
    await expect
      .poll(() => listening.warnings, PATIENCE)
      .toMatchObject([{ err: { code: "INVALID_ANSWER" } }]);
    await again(source, listening);
    expect(listening.context.emitted.map((event) => event.data)).toEqual(["small"]);
    expect(source.requests[1]?.headers["last-event-id"]).toBe("1");
  });
});

describe("back-pressure", () => {
  test("nothing more is read while events wait to be kept", async () => {
    const source = await serve();
    let release = (): void => undefined;
    const kept = new Promise<void>((resolve) => (release = resolve));
    const { context } = start(source, { read: "text" }, { beforeEmit: () => kept });
    const stream = await source.opened(1);
    const message = `data: ${"x".repeat(10_000)}\n\n`;
    let count = 0;
    // The connection's buffers fill up, then the writer is held.
    while (stream.write(message) && count < 100_000) count += 1;
    for (; count < 5_000; count += 1) stream.write(message);
    await expect.poll(() => context.emissions, PATIENCE).toBeGreaterThan(0);
    const emissions = context.emissions;
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(context.emissions).toBe(emissions);
    expect(emissions).toBeLessThan(50);
    expect(stream.writableLength).toBeGreaterThan(10_000_000);
    release();
    await context.waitFor(5_000);
  });

  test("a journal that refuses keeps no id, and the input fails", async () => {
    const source = await serve();
    const refuse = { beforeEmit: () => Promise.reject(new Error("no space")) };
    const { context, ended } = start(source, {}, refuse);
    (await source.opened(1)).write("id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n");
    await expect(ended).rejects.toThrow("no space");
    expect(context.entries.size).toBe(0);
  });
});

describe("options", () => {
  const making = (given: object) => () => sseInput({ name: "n", url: "https://example.com/", ...given });

  test.each([
    [{ url: "http://[::1]/" }, "PRIVATE_ADDRESS"],
    [{ url: "https://a:b@example.com/" }, "INVALID_OPTIONS"],
    [{ idle: 10 }, "INVALID_OPTIONS"],
    [{ read: "text", pick: { id: "/id" } }, "INVALID_OPTIONS"],
    [{ eventAs: "id" }, "INVALID_OPTIONS"],
    [{ events: [] }, "INVALID_OPTIONS"],
    [{ headers: { "Last-Event-ID": "1" } }, "INVALID_OPTIONS"],
    [{ maxMessage: 0 }, "INVALID_OPTIONS"],
  ])("are refused: %j", (given, code) => expect(making(given)).toThrow(expect.objectContaining({ code })));
});
