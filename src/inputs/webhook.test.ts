import { createHmac } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import { SluiceError } from "../model/errors.ts";
import type { Input } from "../model/component.ts";
import type { Event, EventInit } from "../model/event.ts";
import { createFakeClock } from "../testing/clock.ts";
import { createInputContext, type InputContextOptions, type TestInputContext } from "../testing/context.ts";
import { createSignal } from "../testing/signal.ts";
import { webhookInput, type WebhookInputOptions } from "./webhook.ts";

const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes, yes").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("quite another secret of some size").toString("base64")}`;
const UID = "0193c0de-0000-7000-8000-000000000001";
const NOW = Date.UTC(2026, 0, 1);

interface Running {
  readonly context: TestInputContext;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly ended: Promise<void>;
}

const running: Running[] = [];
afterEach(async () => {
  for (const { context, ended } of running.splice(0)) {
    context.stop();
    await ended;
  }
});

function fetchOf(input: Input): Running["fetch"] {
  return (request) => input.fetch?.(request) ?? Promise.reject(new Error("there is no fetch"));
}

function start(
  given: Partial<WebhookInputOptions> = { auth: "none" },
  more: InputContextOptions = {},
): Running {
  const input = webhookInput({ name: "orders", path: "/hooks/orders", ...given });
  const context = createInputContext({ name: "orders", clock: createFakeClock(NOW), ...more });
  const made = { context, fetch: fetchOf(input), ended: input.handle(context) };
  running.push(made);
  return made;
}

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream;

function post(body: Body, headers: Record<string, string> = {}): Request {
  const stream = body instanceof ReadableStream ? { duplex: "half" } : {};
  const type =
    typeof body === "string" && !("content-type" in headers) ? { "content-type": "application/json" } : {};
  return new Request("http://127.0.0.1/hooks/orders", {
    method: "POST",
    body,
    headers: { ...type, ...headers },
    ...stream,
  } as RequestInit);
}

function signed(
  body: string,
  change: { id?: string; at?: number; secret?: string; prefix?: string } = {},
): Request {
  const { id = "msg_1", at = NOW, secret = SECRET, prefix = "webhook" } = change;
  return post(body, {
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(Math.floor(at / 1000)),
    [`${prefix}-signature`]: new Webhook(secret).sign(id, new Date(at), body),
  });
}

async function answer(response: Promise<Response>): Promise<[number, Record<string, unknown>]> {
  const got = await response;
  return [got.status, (await got.json()) as Record<string, unknown>];
}

async function code(response: Promise<Response>): Promise<[number, unknown]> {
  const [status, body] = await answer(response);
  return [status, body["code"]];
}

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

describe("signatures by Standard Webhooks", () => {
  const given = { secret: SECRET };

  async function verdict(
    request: Request,
    options: Partial<WebhookInputOptions> = given,
  ): Promise<[number, unknown]> {
    const { context, fetch } = start(options);
    const got = await code(fetch(request));
    expect(context.emissions).toBe(got[0] === 202 ? 1 : 0);
    return got;
  }
  const unauthorized = [401, "UNAUTHORIZED"];
  const accepted = [202, undefined];

  test("that the scheme's own package makes are accepted, under the older header names too", async () => {
    expect(await verdict(signed(`{"a":"ä"}`))).toEqual(accepted);
    expect(await verdict(signed(`{"a":1}`, { prefix: "svix" }))).toEqual(accepted);
  });

  test("are accepted from any of several secrets, and any of several signatures", async () => {
    expect(await verdict(signed("{}", { secret: OTHER }), { secrets: [SECRET, OTHER] })).toEqual(accepted);
    const request = signed("{}");
    request.headers.set("webhook-signature", `v1a,xx v1,AAAA ${request.headers.get("webhook-signature")}`);
    expect(await verdict(request)).toEqual(accepted);
  });

  test("are accepted for a secret without its prefix, be it base64 or text", async () => {
    const bare = SECRET.slice("whsec_".length);
    expect(await verdict(signed("{}"), { secret: bare })).toEqual(accepted);
    const body = "{}";
    const mac = createHmac("sha256", "topsecret")
      .update(`m.${NOW / 1000}.${body}`)
      .digest("base64");
    const headers = {
      "webhook-id": "m",
      "webhook-timestamp": String(NOW / 1000),
      "webhook-signature": `v1,${mac}`,
    };
    expect(await verdict(post(body, headers), { secret: "topsecret" })).toEqual(accepted);
  });

  test("are refused with the wrong secret, missing, empty, truncated, not base64, or of another version", async () => {
    expect(await verdict(signed("{}", { secret: OTHER }))).toEqual(unauthorized);
    const good = signed("{}").headers.get("webhook-signature") ?? "";
    const bad = [
      "",
      " ",
      "v1,",
      "v1",
      good.slice(3),
      good.slice(0, -1),
      `${good}=`,
      "v1,$$$",
      `v2,${good.slice(3)}`,
    ];
    for (const signature of [...bad, good.toLowerCase(), good.replace("=", "")]) {
      const request = signed("{}");
      request.headers.set("webhook-signature", signature);
      expect([signature, ...(await verdict(request))]).toEqual([signature, ...unauthorized]);
    }
    for (const header of ["webhook-signature", "webhook-id", "webhook-timestamp"]) {
      const request = signed("{}");
      request.headers.delete(header);
      expect(await verdict(request)).toEqual(unauthorized);
    }
    expect(await verdict(post("{}"))).toEqual(unauthorized);
  });

  test("are over the bytes that came: the same JSON written anew is refused", async () => {
    const { headers } = signed(`{"a": 1}`);
    expect(await verdict(post(`{"a":1}`, Object.fromEntries(headers)))).toEqual(unauthorized);
    const replaced = Buffer.concat([Buffer.from(`{"a":"`), Buffer.from([0xff]), Buffer.from(`"}`)]);
    const forReplacement = signed(`{"a":"\uFFFD"}`).headers;
    expect(await verdict(post(new Uint8Array(replaced), Object.fromEntries(forReplacement)))).toEqual(
      unauthorized,
    );
  });

  test("cover the id: the same body under another id is refused", async () => {
    const request = signed("{}");
    request.headers.set("webhook-id", "msg_2");
    expect(await verdict(request)).toEqual(unauthorized);
  });

  test("hold for five minutes either way", async () => {
    expect(await verdict(signed("{}", { at: NOW - 300_000 }))).toEqual(accepted);
    expect(await verdict(signed("{}", { at: NOW + 300_000 }))).toEqual(accepted);
    expect(await verdict(signed("{}", { at: NOW - 301_000 }))).toEqual(unauthorized);
    expect(await verdict(signed("{}", { at: NOW + 301_000 }))).toEqual(unauthorized);
  });

  test.each(["NaN", "1e99", "-1", "Infinity", "", "0x10", "1767225600.0", "1767225600abc", "9".repeat(30)])(
    "are refused with the timestamp %j",
    async (timestamp) => {
      const headers = { "webhook-id": "m", "webhook-timestamp": timestamp, "webhook-signature": "v1,AAAA" };
      expect(await verdict(post("{}", headers))).toEqual(unauthorized);
    },
  );

  test("do not help an id that is too long or not printable: 400", async () => {
    for (const id of ["x".repeat(10_000), "x".repeat(257), "a\u00e4", "a\tb"]) {
      const headers = {
        "webhook-id": id,
        "webhook-timestamp": String(NOW / 1000),
        "webhook-signature": "v1,AAAA",
      };
      expect(await verdict(post("{}", headers))).toEqual([400, "BAD_REQUEST"]);
    }
    expect(await verdict(signed("{}", { id: "x".repeat(256) }))).toEqual(accepted);
  });

  test("are looked at before the body is read as JSON, and after its size is known", async () => {
    expect(await verdict(signed("nonsense", { secret: OTHER }))).toEqual(unauthorized);
    const large = signed(`{"a":"${"x".repeat(2_000_000)}"}`, { secret: OTHER });
    expect(await verdict(large)).toEqual([413, "PAYLOAD_TOO_LARGE"]);
  });
});

describe("signatures in GitHub's way", () => {
  const secret = "It's a Secret to Everybody";

  function fromGithub(body: string, change: Record<string, string> = {}): Request {
    const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
    const delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    return post(body, {
      "X-GitHub-Delivery": delivery,
      "X-GitHub-Event": "push",
      "X-Hub-Signature-256": signature,
      ...change,
    });
  }
  const given = { secret, scheme: "github" } as const;

  test("are accepted, and the kind of event is kept", async () => {
    const { context, fetch } = start(given);
    expect((await fetch(fromGithub(`{"ref":"main"}`))).status).toBe(202);
    expect(context.emitted[0]).toMatchObject({
      data: { ref: "main" },
      headers: { "x-github-event": "push" },
    });
    expect((await fetch(fromGithub(`{"ref":"main"}`))).status).toBe(200);
  });

  test("match the example of their documentation", async () => {
    const { context, fetch } = start(given);
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    // The example's body is not JSON: a right signature leads on to 400, a wrong one to 401.
    expect(await code(fetch(fromGithub("Hello, World!", { "X-Hub-Signature-256": signature })))).toEqual([
      400,
      "BAD_REQUEST",
    ]);
    expect(context.emissions).toBe(0);
  });

  test("are refused when wrong, missing, or without a delivery", async () => {
    const { context, fetch } = start(given);
    const sha1 = `sha1=${createHmac("sha1", secret).update("{}").digest("hex")}`;
    for (const signature of ["", sha1, "sha256=", `sha256=${"0".repeat(64)}`]) {
      expect((await fetch(fromGithub("{}", { "X-Hub-Signature-256": signature }))).status).toBe(401);
    }
    const request = fromGithub("{}");
    request.headers.delete("x-github-delivery");
    expect((await fetch(request)).status).toBe(401);
    expect(context.emissions).toBe(0);
  });
});

describe("deliveries of a webhook input", () => {
  async function twice(first: Request, second: Request, given?: Partial<WebhookInputOptions>) {
    const { context, fetch } = start(given ?? { auth: "none" });
    const answers = [await answer(fetch(first)), await answer(fetch(second))];
    return { answers, kept: context.emitted.length, uid: context.emitted[0]?.uid };
  }

  test.each([
    [{ "webhook-id": "d1" }],
    [{ "svix-id": "d1" }],
    [{ "X-GitHub-Delivery": "d1" }],
    [{ "Idempotency-Key": "d1" }],
    [{ "ce-specversion": "1.0", "ce-id": "d1", "ce-source": "s", "ce-type": "t" }],
  ])("are known again by %j: 200 with the first one's uid", async (headers: Record<string, string>) => {
    const { answers, kept, uid } = await twice(post(`{"a":1}`, headers), post(`{"a":2}`, headers));
    expect(answers).toEqual([
      [202, { uid }],
      [200, { uid, duplicate: true }],
    ]);
    expect(kept).toBe(1);
  });

  test("are known again by our uid", async () => {
    const body = `{"location":"a","id":"1","uid":"${UID}"}`;
    expect((await twice(post(body), post(body))).answers[1]).toEqual([200, { uid: UID, duplicate: true }]);
  });

  test("are never told apart by the record's id or the body", async () => {
    const body = `{"location":"a","operation":"update","id":"1"}`;
    expect((await twice(post(body), post(body))).kept).toBe(2);
    const headers = { "ce-specversion": "1.0", "ce-id": "d1", "ce-type": "t", "ce-subject": "same" };
    const other = await twice(
      post("{}", { ...headers, "ce-source": "a" }),
      post("{}", { ...headers, "ce-source": "b" }),
    );
    expect(other.kept).toBe(2);
  });

  test("of one header are not those of another", async () => {
    expect(
      (await twice(post("{}", { "webhook-id": "1" }), post("{}", { "idempotency-key": "1" }))).kept,
    ).toBe(2);
  });

  test("that are signed are known by what the signature covers, not by another header", async () => {
    const first = signed("{}");
    first.headers.set("idempotency-key", "a");
    first.headers.set("x-github-delivery", "a");
    const second = signed("{}");
    second.headers.set("idempotency-key", "b");
    second.headers.set("x-github-delivery", "b");
    expect((await twice(first, second, { secret: SECRET })).kept).toBe(1);
  });

  test("with an id that is too long, empty or not printable: 400", async () => {
    for (const id of ["x".repeat(10_000), "", "\u00e4", "a\tb"]) {
      const { context, fetch } = start();
      expect(await code(fetch(post("{}", { "idempotency-key": id })))).toEqual([400, "BAD_REQUEST"]);
      expect(context.emissions).toBe(0);
    }
  });
});

describe("a webhook input and its journal", () => {
  test("answers only once the event is kept", async () => {
    const committed = createSignal();
    const { context, fetch } = start({ auth: "none" }, { beforeEmit: () => committed.wait() });
    let answered = false;
    const answering = fetch(post("{}")).finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([answered, context.emissions]).toEqual([false, 1]);
    committed.set();
    expect((await answering).status).toBe(202);
  });

  test.each(["JOURNAL_FULL", "JOURNAL_IO", "JOURNAL_BACKLOG", "JOURNAL_CLOSED"] as const)(
    "says 503 and when to come again on %s, without telling what is wrong inside",
    async (problem) => {
      const beforeEmit = (): never => {
        throw new SluiceError(problem, "disk /var/lib/secret-place is full");
      };
      const { fetch } = start({ auth: "none" }, { beforeEmit });
      const response = await fetch(post("{}"));
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      const body = await response.text();
      expect(JSON.parse(body)).toMatchObject({ code: problem });
      expect(body).not.toContain("secret-place");
    },
  );

  test("logs on its own side what it does not tell the sender", async () => {
    const logged: string[] = [];
    const quiet = (): void => undefined;
    const logger = {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (_: object, text: string) => void logged.push(text),
    };
    const beforeEmit = (): never => {
      throw new TypeError("a bug");
    };
    const { fetch } = start({ auth: "none" }, { beforeEmit, logger });
    expect(await code(fetch(post("{}")))).toEqual([503, "INTERNAL"]);
    expect(logged).toHaveLength(1);
  });

  test("says what its operations filter: 200", async () => {
    const { context, fetch } = start();
    Object.assign(context, {
      emit: async (event: EventInit) => ({ uid: event.uid ?? UID, duplicate: false, filtered: true }),
    });
    expect(await answer(fetch(post("{}")))).toEqual([200, { filtered: true }]);
  });

  test("is unavailable before it runs, and once it was stopped: 503", async () => {
    const input = webhookInput({ name: "orders", path: "/o", auth: "none" });
    expect(await code(fetchOf(input)(post("{}")))).toEqual([503, "NOT_RUNNING"]);
    const { context, fetch, ended } = start();
    expect(context.isReady.isSet).toBe(true);
    context.stop();
    await ended;
    expect(await code(fetch(post("{}")))).toEqual([503, "NOT_RUNNING"]);
    expect(context.emissions).toBe(0);
  });

  test("keeps nothing whose body was still coming when it was stopped", async () => {
    const { context, fetch, ended } = start();
    const begun = createSignal();
    const stopped = createSignal();
    const body = new ReadableStream({
      async pull(controller) {
        begun.set();
        await stopped.wait();
        controller.enqueue(Buffer.from("{}"));
        controller.close();
      },
    });
    const answering = fetch(post(body));
    await begun.wait();
    context.stop();
    stopped.set();
    expect(await code(answering)).toEqual([503, "NOT_RUNNING"]);
    await ended;
    expect(context.emissions).toBe(0);
  });

  test("waits for what is being kept before it ends", async () => {
    const committing = createSignal();
    const committed = createSignal();
    const beforeEmit = (): Promise<void> => {
      committing.set();
      return committed.wait();
    };
    const { context, fetch, ended } = start({ auth: "none" }, { beforeEmit });
    const answering = fetch(post("{}"));
    await committing.wait();
    context.stop();
    let over = false;
    void ended.then(() => (over = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    committed.set();
    expect((await answering).status).toBe(202);
    await ended;
  });
});

describe("the options of a webhook input", () => {
  const invalid = (given: object) => () => webhookInput({ name: "orders", path: "/orders", ...given });
  const error = expect.objectContaining({ code: "INVALID_OPTIONS" });

  test("must say how requests are authenticated, and only one way", () => {
    expect(invalid({})).toThrow(/auth = "none"/);
    expect(invalid({ auth: "none", secret: "x" })).toThrow(error);
    expect(invalid({ auth: "basic" })).toThrow(error);
    expect(invalid({ secrets: [] })).toThrow(error);
  });

  test.each([
    { path: "orders" },
    { path: "//evil" },
    { path: "/a b" },
    { path: "/a?b" },
    { path: "/a/../api" },
    { secret: "" },
    { secret: "whsec_" },
    { secret: "whsec_not base64" },
    { pick: { id: "order/id" } },
    { pick: { nothing: "/a" } },
    { scheme: "stripe" },
    { unknown: 1 },
  ])("are refused: %j", (given) => {
    expect(invalid({ ...("secret" in given ? {} : { auth: "none" }), ...given })).toThrow(error);
  });
});
