import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Event } from "../../model/event.ts";
import type { WebhookInputOptions } from "../webhook.ts";
import { UID, NOW, start, post, answer, code, type Body } from "../../../test/support/webhook-input.ts";

describe("what a webhook input takes", () => {
  async function taken(body: Body, headers?: Record<string, string>, given?: Partial<WebhookInputOptions>) {
    const { context, fetch } = start(given ?? { auth: "none" });
    const [status, answered] = await answer(fetch(post(body, headers)));
    expect([status, answered]).toEqual([202, { uid: context.emitted[0]?.uid }]);
    return context.emitted[0] as Event;
  }

  test("our event JSON, with every field but the trigger", async () => {
    const event = {
      location: "shop.orders",
      operation: "INSERT",
      id: 7,
      trigger: "somebody",
      uid: UID,
      time: "2025-12-31T23:00:00.000Z",
      key: "customer-1",
      data: { total: "12.50" },
      headers: { a: "b" },
      cause: { runs: [`${UID}/enrich`], hops: 2 },
    };
    expect(await taken(JSON.stringify(event))).toEqual({
      ...event,
      operation: "create",
      id: "7",
      trigger: "orders",
    });
  });

  test("our event JSON with the four fields only", async () => {
    const event = await taken(`{"location":"a","operation":"delete","id":"1","trigger":"t"}`);
    expect(event).toMatchObject({ location: "a", operation: "delete", id: "1", key: "a/1", data: undefined });
  });

  test.each([
    "{}",
    `{"location":"Berlin"}`,
    `{"location":"Berlin","status":"open","id":1}`,
    `{"location":3,"id":1}`,
  ])("any other object, %s, as data", async (body) => {
    const event = await taken(body);
    expect(event).toMatchObject({ location: "/hooks/orders", operation: "unknown", data: JSON.parse(body) });
    expect(event.id).toBe(event.uid);
  });

  test("an object without a content type, or with a +json one and a charset", async () => {
    const bytes = new Uint8Array(Buffer.from(`{"a":1}`));
    expect((await taken(bytes)).data).toEqual({ a: 1 });
    expect((await taken(bytes, { "content-type": `application/vnd.x+json; charset="UTF-8"` })).data).toEqual({
      a: 1,
    });
  });

  test("a body that comes in parts, without a length", async () => {
    const parts = [`{"a":`, `"ä"}`].map((part) => Buffer.from(part));
    expect((await taken(ReadableStream.from(parts), { "content-type": "application/json" })).data).toEqual({
      a: "ä",
    });
  });

  test("fields picked by JSON Pointers, defaults where there is nothing", async () => {
    const pick = {
      location: "/meta/table",
      id: "/order/ids/0",
      operation: "/op",
      key: "/a~1b",
      time: "/none",
    };
    const body = { meta: { table: "orders" }, order: { ids: [42] }, op: "remove", "a/b": 5 };
    expect(await taken(JSON.stringify(body), {}, { auth: "none", pick })).toMatchObject({
      location: "orders",
      id: "42",
      operation: "delete",
      key: "5",
      time: new Date(NOW).toISOString(),
      data: body,
    });
  });

  test("data picked by a JSON Pointer, and a location of its own", async () => {
    const given = { auth: "none", location: "shop", pick: { data: "/payload" } } as const;
    expect(await taken(`{"payload":[1,2]}`, {}, given)).toMatchObject({ location: "shop", data: [1, 2] });
  });

  test("CloudEvents in structured mode", async () => {
    const event = await taken(
      JSON.stringify({
        specversion: "1.0",
        id: "A-1",
        source: "/shop",
        type: "com.acme.order.update",
        subject: "order-9",
        time: "2025-12-31T23:00:00Z",
        datacontenttype: "application/json",
        tenant: "t1",
        priority: 3,
        data: { total: 1 },
      }),
      { "content-type": "application/cloudevents+json; charset=utf-8" },
    );
    expect(event).toMatchObject({
      location: "/shop",
      operation: "update",
      id: "order-9",
      time: "2025-12-31T23:00:00.000Z",
      data: { total: 1 },
      headers: { "ce-type": "com.acme.order.update", tenant: "t1", priority: "3" },
    });
  });

  test("CloudEvents in binary mode, percent-encoded, with any JSON as data", async () => {
    const event = await taken(`["x"]`, {
      "ce-specversion": "1.0",
      "ce-id": "A-2",
      "ce-source": "/shop/K%C3%B6ln",
      "ce-type": "order.shipped",
      "ce-tenant": "t%201",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    expect(event).toMatchObject({
      location: "/shop/Köln",
      operation: "unknown",
      id: "A-2",
      data: ["x"],
      headers: { tenant: "t 1" },
      cause: { runs: [], hops: 0, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    });
  });

  test("CloudEvents with base64 data", async () => {
    const base = { specversion: "1.0", id: "1", source: "s", type: "t" };
    const type = { "content-type": "application/cloudevents+json" };
    const encoded = Buffer.from(`{"a":1}`).toString("base64");
    const json = { ...base, datacontenttype: "application/json", data_base64: encoded };
    expect((await taken(JSON.stringify(json), type)).data).toEqual({ a: 1 });
    expect((await taken(JSON.stringify({ ...base, data_base64: "AAE=" }), type)).data).toBe("AAE=");
  });

  test("the run of another pipeline that called, and how far it was, as the cause", async () => {
    const event = await taken("{}", { "x-sluice-run": `${UID}/notify~2`, "x-sluice-hops": "5" });
    expect(event.cause).toEqual({ runs: [`${UID}/notify~2`], hops: 5 });
    const forged = await taken("{}", { "x-sluice-run": "'; DROP TABLE runs", traceparent: "00-zz" });
    expect(forged.cause).toBeUndefined();
  });

  test("the request headers that it is told to keep", async () => {
    const event = await taken(
      "{}",
      { "X-Shop": "eu", "X-Other": "1" },
      { auth: "none", keepHeaders: ["X-Shop"] },
    );
    expect(event.headers).toEqual({ "x-shop": "eu" });
  });

  test("__proto__ keys, lone surrogates and NUL, as they are", async () => {
    const body = `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"s":"\\ud800","n":"a\\u0000b"}`;
    const { data } = await taken(body);
    expect(JSON.stringify(data)).toBe(body);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const event = await taken(`{"location":"a","id":"1","headers":{"__proto__":"x"},"data":${body}}`);
    expect(JSON.stringify([event.headers, event.data])).toBe(`[{"__proto__":"x"},${body}]`);
  });

  test("a __proto__ that a pointer asks for is only what the body itself holds", async () => {
    const given = {
      auth: "none",
      pick: { id: "/__proto__/toString", location: "/constructor/name" },
    } as const;
    expect(await taken("{}", {}, given)).toMatchObject({ location: "/hooks/orders" });
    expect((await taken(`{"__proto__":{"toString":"own"}}`, {}, given)).id).toBe("own");
  });

  test("numbers in ids exactly, or not at all", async () => {
    expect((await taken(`{"location":"a","id":9007199254740991}`)).id).toBe("9007199254740991");
    const { fetch } = start();
    expect(await code(fetch(post(`{"location":"a","id":9007199254740993}`)))).toEqual([400, "INVALID_EVENT"]);
  });
});

describe("what a webhook input refuses, keeping nothing", () => {
  async function refused(request: Request, given?: Partial<WebhookInputOptions>): Promise<[number, unknown]> {
    const { context, fetch } = start(given ?? { auth: "none" });
    const got = await code(fetch(request));
    expect(context.emitted).toEqual([]);
    return got;
  }

  test.each([
    ["", "BAD_REQUEST"],
    ["nonsense", "BAD_REQUEST"],
    [`{"a":1`, "BAD_REQUEST"],
    [`{"a":1} {}`, "BAD_REQUEST"],
    ["[]", "BAD_REQUEST"],
    [`[{"location":"a"}]`, "BAD_REQUEST"],
    ["null", "BAD_REQUEST"],
    [`"text"`, "BAD_REQUEST"],
    ["12", "BAD_REQUEST"],
    ["NaN", "BAD_REQUEST"],
  ])("the body %j: 400", async (body, expected) => {
    expect(await refused(post(body))).toEqual([400, expected]);
  });

  test("invalid UTF-8: 400", async () => {
    const body = Uint8Array.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]);
    expect(await refused(post(body))).toEqual([400, "BAD_REQUEST"]);
  });

  test("100,000 nested arrays, or objects: 400, no overflow; brackets in strings are none", async () => {
    expect(await refused(post(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`))).toEqual([
      400,
      "INVALID_EVENT",
    ]);
    expect(await refused(post(`${`{"a":`.repeat(100_000)}1${"}".repeat(100_000)}`))).toEqual([
      400,
      "INVALID_EVENT",
    ]);
    const { fetch } = start();
    expect((await fetch(post(`{"a":"\\"${"[".repeat(100_000)}"}`))).status).toBe(202);
    expect((await fetch(post(`{"a":${"[".repeat(900)}${"]".repeat(900)}}`))).status).toBe(202);
  });

  test.each([
    [`{"location":"a","operation":"explode","id":"1"}`, "INVALID_OPERATION"],
    [`{"location":"a","id":{}}`, "INVALID_EVENT"],
    [`{"location":"a","id":null}`, "INVALID_EVENT"],
    [`{"location":"a","id":1e400}`, "INVALID_EVENT"],
  ])("an event JSON that is none, %s: 400", async (body, expected) => {
    expect(await refused(post(body))).toEqual([400, expected]);
  });

  test.each([
    `{"location":"a","id":"1","uid":"1"}`,
    `{"location":"a","id":"1","time":"yesterday"}`,
    `{"location":"a","id":"1","key":1}`,
    `{"location":"a","id":"1","headers":{"a":1}}`,
    `{"location":"a","id":"1","headers":null}`,
    `{"location":"a","id":"1","cause":{"runs":["x"],"hops":0}}`,
    `{"location":"a","id":"1","cause":{"runs":[],"hops":-1}}`,
    `{"location":"a","id":"1","cause":null}`,
  ])("an event with a wrong field, %s: 400", async (body) => {
    expect(await refused(post(body))).toEqual([400, "INVALID_EVENT"]);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "nonsense",
    "application/jsonp",
  ])("the type %s: 415", async (type) => {
    expect(await refused(post("{}", { "content-type": type }))).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
  });

  test("a charset other than UTF-8, a batch of CloudEvents: 415", async () => {
    for (const type of ["application/json; charset=utf-16", "application/cloudevents-batch+json"]) {
      expect(await refused(post("{}", { "content-type": type }))).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    }
  });

  test("a compressed body, unopened: 415", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50_000_000)));
    expect(await refused(post(bomb, { "content-encoding": "gzip" }))).toEqual([
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ]);
  });

  test.each(["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])(
    "%s: 405 that says what is allowed",
    async (method) => {
      const { fetch } = start();
      const response = await fetch(new Request("http://127.0.0.1/hooks/orders", { method }));
      expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    },
  );

  test("a body that never ends, after a megabyte: 413", async () => {
    let sent = 0;
    let cancelled = false;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
      cancel() {
        cancelled = true;
      },
    });
    expect(await refused(post(endless))).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    expect(sent).toBeLessThan(1_500_000);
    expect(cancelled).toBe(true);
  });

  test("a body announced as too large, unread: 413; one of exactly a megabyte passes", async () => {
    let read = false;
    const body = new ReadableStream({ pull: () => void (read = true) }, { highWaterMark: 0 });
    expect(await refused(post(body, { "content-length": "2147483648" }))).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    expect(read).toBe(false);
    const { fetch } = start();
    const exact = `{"a":"${"x".repeat(1_048_576 - 8)}"}`;
    expect((await fetch(post(exact, { "content-length": "1048576" }))).status).toBe(202);
    expect((await fetch(post(`${exact} `))).status).toBe(413);
  });

  test("a body that breaks off: 400", async () => {
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
    expect(await refused(post(broken))).toEqual([400, "BAD_REQUEST"]);
  });

  test.each([
    [{ specversion: "0.3", id: "1", source: "s", type: "t" }],
    [{ specversion: "1.0", source: "s", type: "t" }],
    [{ specversion: "1.0", id: "", source: "s", type: "t" }],
    [{ specversion: "1.0", id: "1", type: "t" }],
    [{ specversion: "1.0", id: "1", source: "s" }],
    [{ specversion: "1.0", id: "x".repeat(257), source: "s", type: "t" }],
    [{ specversion: "1.0", id: "1", source: "s", type: "t", Ext: 1 }],
    [{ specversion: "1.0", id: "1", source: "s", type: "t", ext: {} }],
    [{ specversion: "1.0", id: "1", source: "s", type: "t", data_base64: 1 }],
  ])("what calls itself a CloudEvent and is none, %j: 400", async (event) => {
    const type = { "content-type": "application/cloudevents+json" };
    expect(await refused(post(JSON.stringify(event), type))).toEqual([400, "BAD_REQUEST"]);
  });

  test("with a problem of RFC 9457", async () => {
    const { fetch } = start();
    const response = await fetch(post("[]"));
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toEqual({
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      code: "BAD_REQUEST",
      detail: "the body must be a JSON object",
    });
  });
});
