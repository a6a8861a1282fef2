import fc from "fast-check";
import { expect, test } from "vitest";
import { formatEvent, isoTime, orderingKey, toEvent, toEventRecord, type EventInit } from "./event.ts";
import { createUidSource } from "./uid.ts";

const uid = "0193c0de-0000-7000-8000-000000000000";
const noon = Date.UTC(2026, 10, 24, 12);
const record = (init: EventInit, trigger = "in") =>
  toEventRecord(init, trigger, noon, createUidSource(Math.random));

test("the four fields are printed in their order, and nothing else if nothing else is set", () => {
  expect(formatEvent({ trigger: "in", id: "7", operation: "create", location: "raw.orders" })).toBe(
    '{"location":"raw.orders","operation":"create","id":"7","trigger":"in"}',
  );
});

test("what is the default is not printed", () => {
  const text = formatEvent({
    location: "t",
    operation: "unknown",
    id: "1",
    trigger: "in",
    key: "t/1",
    headers: {},
    data: undefined,
  });
  expect(text).toBe('{"location":"t","operation":"unknown","id":"1","trigger":"in"}');
});

test("the other fields follow in their order", () => {
  const text = formatEvent({
    cause: { runs: [`${uid}/a`], hops: 1 },
    headers: { a: "b" },
    data: { total: 3 },
    key: "customer-9",
    time: isoTime(noon),
    uid,
    trigger: "in",
    id: "1",
    operation: "update",
    location: "t",
  });
  expect(Object.keys(JSON.parse(text) as object)).toEqual([
    "location",
    "operation",
    "id",
    "trigger",
    "uid",
    "time",
    "key",
    "data",
    "headers",
    "cause",
  ]);
});

test("an event that says nothing gets a location, an id, a uid, a time and a key", () => {
  const event = toEvent(record({}));
  expect(event).toEqual({
    location: "in",
    operation: "unknown",
    id: event.uid,
    trigger: "in",
    uid: event.uid,
    time: "2026-11-24T12:00:00.000Z",
    key: `in/${event.uid}`,
    data: undefined,
    headers: {},
  });
});

test("what was emitted is what a process sees", () => {
  const init = fc.record(
    {
      location: fc.string(),
      operation: fc.constantFrom("create", "INSERT", "remove", "read"),
      id: fc.oneof(fc.string(), fc.integer(), fc.bigInt()),
      uid: fc.uuid(),
      key: fc.string(),
      data: fc.jsonValue(),
      headers: fc.dictionary(fc.string(), fc.string()),
      time: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(8e14) }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(init, (given) => {
      const event = toEvent(record(given));
      expect(event.location).toBe(given.location ?? "in");
      expect(event.id).toBe(given.id === undefined ? event.uid : String(given.id));
      expect(event.uid).toBe(given.uid ?? event.uid);
      expect(event.key).toBe(given.key ?? `${event.location}/${event.id}`);
      expect(event.time).toBe((given.time ?? new Date(noon)).toISOString());
      expect(JSON.stringify(event.data)).toBe(JSON.stringify(given.data));
      expect(JSON.stringify(event.headers)).toBe(JSON.stringify(given.headers ?? {}));
    }),
  );
});

test("every run has its own copy of the payload", () => {
  const kept = record({ data: { items: [1] } });
  const one = toEvent<{ items: number[] }>(kept);
  one.data.items.push(2);
  expect(toEvent(kept).data).toEqual({ items: [1] });
});

test("numbers that JSON cannot hold exactly keep their digits as an id", () => {
  expect(record({ id: 9_007_199_254_740_993n }).id).toBe("9007199254740993");
});

test("the ordering key is the location and the id, unless the event has one", () => {
  expect(orderingKey(record({ location: "t", id: 1 }))).toBe("t/1");
  expect(orderingKey(record({ location: "t", id: 1, key: "" }))).toBe("");
});

test("a uid is kept in lower case", () => {
  expect(record({ uid: uid.toUpperCase() }).uid).toBe(uid);
});

const circular: Record<string, unknown> = {};
circular["self"] = circular;

test.each<[string, unknown, string, RegExp]>([
  ["a location that is no text", { location: 7 }, "INVALID_EVENT", /location must be a string, not 7/],
  ["an operation that is none", { operation: "upsert" }, "INVALID_OPERATION", /"upsert"/],
  ["an id that is no text", { id: { a: 1 } }, "INVALID_EVENT", /id must be a string or a number/],
  ["an id that is no number", { id: Number.NaN }, "INVALID_EVENT", /id must be/],
  ["a uid that is none", { uid: "42" }, "INVALID_EVENT", /uid must be a UUID/],
  ["a uid with a newline", { uid: `${uid}\n` }, "INVALID_EVENT", /uid/],
  ["a time that is none", { time: "yesterday" }, "INVALID_EVENT", /time must be an ISO 8601/],
  ["an invalid date", { time: new Date(Number.NaN) }, "INVALID_EVENT", /time/],
  ["a key that is no text", { key: 1 }, "INVALID_EVENT", /key must be a string/],
  ["a location of 8,193 characters", { location: "x".repeat(8_193) }, "INVALID_EVENT", /at most 8192/],
  ["an id of 8,193 characters", { id: "x".repeat(8_193) }, "INVALID_EVENT", /id must be at most 8192/],
  ["data that refers to itself", { data: circular }, "INVALID_EVENT", /data is not JSON/],
  ["data with a bigint", { data: { a: 1n } }, "INVALID_EVENT", /data is not JSON/],
  ["data that is a function", { data: () => 1 }, "INVALID_EVENT", /data must be a JSON value/],
  ["headers that are a list", { headers: ["a"] }, "INVALID_EVENT", /headers must be an object of strings/],
  ["a header that is no text", { headers: { a: 1 } }, "INVALID_EVENT", /headers\.a must be a string/],
])("%s is refused", (_what, init, code, message) => {
  expect(() => record(init as EventInit)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test("a payload with __proto__, NUL and lone surrogates is kept as it is and harms nothing", () => {
  const data = JSON.parse('{"__proto__":{"admin":true},"nul":"a\\u0000b","lone":"\\ud800"}') as object;
  const event = toEvent<Record<string, unknown>>(record({ data }));
  expect(JSON.stringify(event.data)).toBe(JSON.stringify(data));
  expect((event.data as { admin?: boolean }).admin).toBeUndefined();
});
