import { describe, expect, test } from "vitest";
import type { KafkaRecord } from "../../kafka/driver.ts";
import { placeUids } from "../../model/place-uid.ts";
import { chunksOf } from "./batches.ts";
import { createDecoder, type Message } from "./decode.ts";
import { chooseStart } from "./start.ts";
import { chooseTopics } from "./topics.ts";

const uidOf = placeUids("0123456789abcdef01");

function message(value: string | Buffer | null, headers: Record<string, string> = {}): Message {
  const record: KafkaRecord = {
    timestampDelta: 0n,
    offsetDelta: 0,
    key: null,
    value: typeof value === "string" ? Buffer.from(value) : value,
    headers: Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
  };
  return { topic: "orders", partition: 3, offset: 9n, timestamp: 0n, record };
}

const options = { decode: "json", id: "offset", onUndecodable: "keep" } as const;

describe("a value", () => {
  test("gives the fields that pick finds, and their defaults where it finds none", () => {
    const pick = { operation: "/do", id: "/order/id", key: "/customer", data: "/order" };
    const { event } = createDecoder({ ...options, pick });
    expect(event(message('{"do":"update","order":{"id":7},"customer":"c"}'), uidOf)).toMatchObject({
      operation: "update",
      id: "7",
      key: "c",
      data: { id: 7 },
    });
    expect(event(message("{}"), uidOf)).toMatchObject({ id: "3/9", data: null });
    expect(event(message('{"do":"dance"}'), uidOf).headers).toMatchObject({
      "sluice-undecodable": expect.stringContaining("dance"),
    });
  });

  test("is a CloudEvent, structured or binary, whose location is the topic", () => {
    const { event } = createDecoder({ ...options, decode: "cloudevents" });
    const attributes = {
      id: "e-1",
      source: "/shop",
      type: "order.create",
      subject: "o-1",
      specversion: "1.0",
    };
    const headers = { "content-type": "application/cloudevents+json" };
    const structured = event(message(JSON.stringify({ ...attributes, data: { n: 1 } }), headers), uidOf);
    const binaryHeaders = Object.entries(attributes).map(([name, text]) => [`ce_${name}`, text] as const);
    const binary = event(message('{"n":1}', Object.fromEntries(binaryHeaders)), uidOf);
    for (const one of [structured, binary]) {
      expect(one).toMatchObject({ location: "orders", operation: "create", id: "o-1", data: { n: 1 } });
      expect(one.headers).toMatchObject({ "ce-source": "/shop", "ce-type": "order.create" });
    }
  });

  test("keeps headers that come twice, and those that are no text", () => {
    const twice = message("1");
    const headers: KafkaRecord["headers"] = [
      [Buffer.from("a"), Buffer.from("1")],
      [Buffer.from("a"), Buffer.from("2")],
      [Buffer.from("b"), Buffer.from([0xff])],
      [Buffer.from("__proto__"), null],
    ];
    const event = createDecoder(options).event({ ...twice, record: { ...twice.record, headers } }, uidOf);
    expect(Object.entries(event.headers ?? {})).toEqual([
      ["a", "1, 2"],
      ["b", "base64:/w=="],
      ["__proto__", ""],
    ]);
  });
});

test.each([
  ["text as it is", Buffer.from("o-1"), "o-1"],
  ["bytes as base64", Buffer.from([0xff]), "base64:/w=="],
  [
    "what is too long as its digest",
    Buffer.alloc(1_025, "k"),
    expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  ],
])("a key is %s, and the id if that is said", (_, key, expected) => {
  const { record, ...place } = message("1");
  const keyed = { ...place, record: { ...record, key } };
  expect(createDecoder(options).event(keyed, uidOf)).toMatchObject({ key: expected, id: "3/9" });
  expect(createDecoder({ ...options, id: "key" }).event(keyed, uidOf)).toMatchObject({ id: expected });
});

test.each([
  ["an id that lost digits", '{"id":9007199254740993}', { pick: { id: "/id" } }, "exact number"],
  ["an id that is no text", '{"id":{}}', { pick: { id: "/id" } }, "exact number"],
  ["no CloudEvent", "{}", { decode: "cloudevents" }, "specversion"],
] as const)("%s makes an event of bytes, and says why", (_, value, more, why) => {
  const event = createDecoder({ ...options, ...more }).event(message(value), uidOf);
  expect(event).toMatchObject({ id: "3/9", data: Buffer.from(value).toString("base64") });
  expect(event.headers).toMatchObject({ "sluice-undecodable": expect.stringContaining(why) });
});

describe("an answer's batches", () => {
  const batch = (first: bigint, producerId: bigint, attributes: number, count = 2) => ({
    firstOffset: first,
    lastOffsetDelta: count - 1,
    partitionLeaderEpoch: 0,
    attributes,
    firstTimestamp: 0n,
    maxTimestamp: 0n,
    producerId,
    records: Array.from({ length: count }, (_, offsetDelta) => ({
      timestampDelta: 0n,
      offsetDelta,
      key: null,
      value: null,
      headers: [],
    })),
  });

  test("are read without what was aborted, markers, and what lies before; the next offset is behind all", () => {
    const records = [
      batch(10n, -1n, 0),
      batch(12n, 5n, 0b1_0000),
      batch(14n, 6n, 0b1_0000),
      batch(16n, 5n, 0b11_0000, 1),
      batch(17n, 5n, 0b1_0000),
      batch(19n, 6n, 0b11_0000, 1),
    ];
    const abortedTransactions = [{ producerId: 5n, firstOffset: 12n }];
    const fetched = { partitionIndex: 0, highWatermark: 20n, abortedTransactions, records };
    const chunks = chunksOf("t", fetched, 11n, 3);
    expect(
      chunks.map(({ messages, next }) => [messages.map(({ offset }) => Number(offset)), Number(next)]),
    ).toEqual([
      [[11, 14, 15], 16],
      [[17, 18], 20],
    ]);
    expect(chunksOf("t", { ...fetched, records: [batch(0n, -1n, 0)] }, 5n, 3)).toEqual([]);
  });
});

describe("a partition begins", () => {
  const ends = { earliest: 5n, latest: 9n };
  test.each([
    ["where it was", 7n, "latest", undefined, 7n],
    ["at its first message", undefined, "earliest", undefined, 5n],
    ["behind its last message", undefined, "latest", undefined, 9n],
    ["at a time", undefined, "2026-01-01", 6n, 6n],
    ["behind its last message, if none is as late", undefined, "2026-01-01", undefined, 9n],
  ] as const)("%s", (_, before, from, wanted, offset) => {
    expect(chooseStart(before, ends, from, wanted)).toEqual({ offset });
  });

  test("at what is there, and says so, if what it was at is not", () => {
    expect(chooseStart(2n, ends, "latest", undefined)).toMatchObject({
      offset: 5n,
      lost: expect.stringMatching(/^3 messages/),
    });
    expect(chooseStart(10n, ends, "latest", undefined)).toMatchObject({
      offset: 5n,
      lost: expect.stringMatching(/anew/),
    });
  });
});

test("a pattern must match the whole name of a topic", () => {
  expect(chooseTopics(["a.b", "xa.b", "a.bc"], { pattern: "a\\.b|z" }).names).toEqual(["a.b"]);
  expect(chooseTopics(["a"], ["b", "a", "a"])).toEqual({ names: ["a"], missing: ["b"] });
});
