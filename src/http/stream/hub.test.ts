import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callerOf, startPipeline } from "../../../test/support/api.ts";
import {
  attemptEnded,
  attemptStarted,
  errorReported,
  eventAccepted,
  inputChanged,
} from "../../engine/diagnostics.ts";
import type { Orchestrator } from "../../engine/orchestrator.ts";
import { SluiceError } from "../../model/errors.ts";
import type { EventRecord } from "../../model/event.ts";
import { StreamHub } from "./hub.ts";

let orchestrator: Orchestrator;
let now = 1_000_000;
let tick: () => void = () => undefined;
let hub: StreamHub;

beforeEach(async () => {
  orchestrator = await startPipeline();
  const clock = {
    now: () => now,
    every(_: number, ticking: () => void) {
      tick = ticking;
      return () => (tick = () => undefined);
    },
  };
  hub = new StreamHub(orchestrator, { clock, redact: (text) => text.replaceAll("s3cret", "***") });
});
afterEach(async () => {
  hub.close();
  await orchestrator.stop({ grace: 0 });
});

interface Message {
  readonly id: string;
  readonly event: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each event has other data; tests say what they expect
  readonly data: any;
}

class Client {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();

  constructor(lastId: string | null = null) {
    this.#reader = hub.connect(lastId).getReader();
  }

  async next(): Promise<Message> {
    const { value, done } = await this.#reader.read();
    if (done) return { id: "", event: "end", data: null };
    const text = this.#decoder.decode(value);
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1] ?? "";
    return { id: field("id"), event: field("event"), data: JSON.parse(field("data") || "null") };
  }

  /** Up to one of this kind. */
  async find(event: string): Promise<Message> {
    for (;;) {
      const message = await this.next();
      if (message.event === event || message.event === "end") return message;
    }
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

const record = { trigger: "orders", location: "shop", operation: "create", id: "1", time: 5 };

function event(uid: string): EventRecord {
  return { ...record, uid, key: null, data: null, headers: null, cause: null } as EventRecord;
}

function accept(uid: string, more: object = {}): void {
  const message = { pipeline: "shop", event: event(uid), duplicate: false, processes: ["land"], ...more };
  eventAccepted.publish(message);
}

function attempt(uid: string): {
  pipeline: string;
  process: string;
  run: string;
  attempt: number;
  event: EventRecord;
} {
  return { pipeline: "shop", process: "land", run: `${uid}/land`, attempt: 1, event: event(uid) };
}

function end(uid: string, outcome: "succeeded" | "failed", final = true): void {
  const error = outcome === "failed" ? { code: "RUN_FAILED", message: "no" } : null;
  attemptEnded.publish({ ...attempt(uid), outcome, duration: 7, error, final });
}

describe("what a client is told", () => {
  test("first hello, then what came together, in few messages", async () => {
    const client = new Client();
    expect(await client.next()).toMatchObject({
      event: "hello",
      data: { pipeline: "shop", state: "running", interval: 250, resumed: false },
    });
    accept("a");
    accept("b");
    accept("b", { duplicate: true });
    attemptStarted.publish({ ...attempt("a"), fence: 1, version: 1, place: () => undefined });
    end("a", "succeeded");
    end("b", "failed", false);
    now += 250;
    tick();
    const stats = await client.next();
    expect(stats).toMatchObject({ event: "stats", data: { span: 250 } });
    expect(stats.data.components).toEqual({
      orders: { accepted: 2, duplicates: 1, to: { land: 2 } },
      land: { started: 1, succeeded: 1, failed: 1, duration: 14 },
    });
    expect(await client.next()).toMatchObject({
      event: "events",
      data: { items: [{ uid: "a" }, { uid: "b", time: "1970-01-01T00:00:00.005Z" }], skipped: 0 },
    });
    expect((await client.next()).data.items).toMatchObject([
      { id: "a/land", state: "succeeded", duration: 7 },
      { id: "b/land", state: "retrying", error: { code: "RUN_FAILED" } },
    ]);
  });

  test("of ten thousand runs a few are shown, all are counted, and the dead are among those shown", async () => {
    const client = new Client();
    await client.next();
    for (let n = 0; n < 10_000; n += 1) end(`u${n}`, n === 9_000 ? "failed" : "succeeded");
    tick();
    const stats = await client.find("stats");
    expect(stats.data.components.land).toMatchObject({ succeeded: 9_999, failed: 1, dead: 1 });
    const { data } = await client.find("runs");
    expect(data.items).toHaveLength(20);
    expect(data.skipped).toBe(9_980);
    expect(data.items.map((run: { state: string }) => run.state)).toContain("dead");
  });

  test("inputs and errors are told at once, without secrets, and not too many of them", async () => {
    const client = new Client();
    await client.next();
    inputChanged.publish({ pipeline: "shop", input: "orders", state: "failed", error: null });
    expect(await client.next()).toMatchObject({ event: "input", data: { name: "orders", state: "failed" } });
    for (let n = 0; n < 50; n += 1) {
      errorReported.publish({ pipeline: "shop", error: new SluiceError("NETWORK", `s3cret ${n}`) });
    }
    expect((await client.next()).data).toMatchObject({ code: "NETWORK", message: "*** 0" });
    accept("a");
    tick();
    for (let n = 1; n < 10; n += 1) expect((await client.next()).event).toBe("problem");
    expect((await client.next()).event).toBe("stats");
  });

  test("the rows of inputs and processes come when they changed", async () => {
    const client = new Client();
    await client.next();
    tick();
    const rows = await client.find("rows");
    expect(rows.data).toMatchObject({
      state: "running",
      openRuns: 0,
      healthy: true,
      inputs: [{ name: "orders" }],
    });
    expect(rows.data.processes).toMatchObject([{ name: "land", runs: {} }]);
  });

  test("what another pipeline of this process does is none of its business", async () => {
    const client = new Client();
    await client.next();
    accept("a", { pipeline: "other" });
    accept("b");
    tick();
    expect((await client.next()).data.components.orders.accepted).toBe(1);
  });

  test("names that every object has are names like others", async () => {
    const client = new Client();
    await client.next();
    attemptEnded.publish({
      ...attempt("a"),
      process: "__proto__",
      outcome: "succeeded",
      duration: 1,
      error: null,
      final: true,
    });
    tick();
    expect(JSON.stringify((await client.next()).data.components)).toContain('"__proto__":{"succeeded":1');
  });
});

describe("coming back", () => {
  test("a client that says its last id gets what it missed, and hello says so", async () => {
    const first = new Client();
    await first.next();
    accept("a");
    tick();
    const { id } = await first.next();
    await first.leave();
    accept("b");
    tick();
    const again = new Client(id);
    expect((await again.next()).data.resumed).toBe(true);
    expect(await again.next()).toMatchObject({ event: "events", data: { items: [{ uid: "a" }] } });
    expect(await again.find("events")).toMatchObject({ data: { items: [{ uid: "b" }] } });
  });

  test.each(["", "nonsense", "000000000000-1", "-1", "9".repeat(500)])(
    "the id %j is not resumed from",
    async (id) => {
      expect((await new Client(id).next()).data.resumed).toBe(false);
    },
  );

  test("after a minute without clients it listens no more, and nobody goes on from before", async () => {
    const client = new Client();
    const { id } = await client.next();
    await client.leave();
    expect(eventAccepted.hasSubscribers).toBe(true);
    for (let n = 0; n < 241; n += 1) tick();
    expect(eventAccepted.hasSubscribers).toBe(false);
    expect((await new Client(id).next()).data.resumed).toBe(false);
  });

  test("a client that does not read misses messages, is told so, and costs no memory", async () => {
    const slow = new Client();
    for (let n = 0; n < 5_000; n += 1) {
      for (let m = 0; m < 5; m += 1) accept(`${n}-${m}`);
      tick();
    }
    let message = await slow.next();
    let read = 0;
    do {
      message = await slow.next();
      read += 1;
      if (read % 100 === 0) {
        accept("late");
        tick();
      }
    } while (message.event !== "hello");
    expect(message.data.resumed).toBe(false);
    expect(read).toBeLessThan(2_000);
  });
});

describe("limits", () => {
  test("the hundred-and-first client is refused, and one that leaves makes room", async () => {
    const clients = Array.from({ length: 100 }, () => new Client());
    expect(() => new Client()).toThrow(expect.objectContaining({ code: "TOO_MANY_STREAMS" }));
    await clients[0]?.leave();
    expect((await new Client().next()).event).toBe("hello");
  });

  test("closing ends the streams, and takes no more", async () => {
    const client = new Client();
    await client.next();
    hub.close();
    expect((await client.next()).event).toBe("end");
    expect(eventAccepted.hasSubscribers).toBe(false);
    expect(() => new Client()).toThrow(expect.objectContaining({ code: "SHUTDOWN" }));
  });

  test("nobody listens to the engine before the first client", () => {
    expect(eventAccepted.hasSubscribers).toBe(false);
    expect(attemptEnded.hasSubscribers).toBe(false);
  });
});

test("the route is one of server-sent events, kept by nobody; HEAD reads nothing", async () => {
  const call = callerOf(orchestrator);
  const { status, headers } = await call("GET", "/api/v1/stream");
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(headers.get("cache-control")).toBe("no-store");
  expect((await call("HEAD", "/api/v1/stream")).status).toBe(200);
  expect((await call("GET", "/api/v1/stream?token=x")).status).toBe(400);
});
