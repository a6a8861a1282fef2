import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { openTopic, startKafkaInput } from "../../../test/support/kafka-input.ts";
import { kafkaForTests } from "../../../test/support/kafka.ts";
import type { EventInit } from "../../model/event.ts";
import { checkOptions } from "../../model/kind.ts";
import { createRunContext } from "../../testing/context.ts";
import { processConformance } from "../../testing/processes/conformance.ts";
import { kafkaProcess, type KafkaProcessOptions } from "./index.ts";

const { kafka, reason } = await kafkaForTests();
afterAll(() => kafka?.stop());
const broker = kafka?.broker ?? "";

async function produce(
  topic: string,
  events: readonly EventInit[],
  options: Partial<KafkaProcessOptions> = {},
) {
  const process = kafkaProcess({ name: "send", brokers: [broker], topic, ...options });
  try {
    const contexts = events.map((event) => createRunContext({ event, process: "send" }));
    const results = await Promise.allSettled(
      contexts.map(async (context) => process.run(context.event, context)),
    );
    return {
      contexts,
      errors: results.map((one) => (one.status === "rejected" ? (one.reason as Error) : undefined)),
    };
  } finally {
    await process.close?.();
  }
}

describe.skipIf(kafka === undefined)(`a kafka process ${reason ?? ""}`, () => {
  test("sends the whole event under its key, and says which run it was", async () => {
    await using topic = await openTopic(broker);
    const event = { location: "raw.orders", id: "7", data: { total: 12 }, headers: { source: "shop" } };
    const { contexts } = await produce(topic.name, [event]);
    await using input = await startKafkaInput(broker, topic.name);
    await input.context.waitFor(1);
    const [seen] = input.context.emitted;
    expect(seen).toMatchObject({
      key: "raw.orders/7",
      data: { location: "raw.orders", id: "7", uid: contexts[0]?.event.uid, data: { total: 12 } },
      headers: { source: "shop" },
      cause: { runs: [contexts[0]?.run.id], hops: 1, traceparent: contexts[0]?.traceparent },
    });
  });

  test("maps value, key, headers and partition by pointers, and a delete to a tombstone", async () => {
    await using topic = await openTopic(broker, { partitions: 3 });
    const mapped = {
      value: "/data/order",
      messageKey: "/data/customer",
      partition: "/data/shard",
      headers: { region: "/data/region", source: "sluice", none: "/data/none" },
      tombstones: true,
    };
    const data = { customer: 12, shard: 2, region: "eu", order: { n: 1 } };
    await produce(topic.name, [{ data }, { data, operation: "delete" }], mapped);
    await using input = await startKafkaInput(broker, topic.name);
    await input.context.waitFor(2);
    const [first, second] = input.context.emitted;
    expect(first).toMatchObject({
      id: "2/0",
      key: "12",
      data: { n: 1 },
      headers: { region: "eu", source: "sluice" },
    });
    expect(first?.headers).not.toHaveProperty("none");
    expect(second).toMatchObject({ id: "2/1", operation: "delete", data: undefined });
  });

  test("writes text and bytes as they are", async () => {
    await using topic = await openTopic(broker);
    await produce(topic.name, [{ data: "é" }], { value: "/data", encode: "string" });
    await produce(topic.name, [{ data: "/w==" }], { value: "/data", encode: "bytes" });
    await using input = await startKafkaInput(broker, topic.name, { decode: "bytes" });
    await input.context.waitFor(2);
    expect(input.context.emitted.map(({ data }) => data)).toEqual(["w6k=", "/w=="]);
  });

  test("keeps the order of what is sent at once, each message once", async () => {
    await using topic = await openTopic(broker);
    const events = Array.from({ length: 3_000 }, (_, n) => ({ key: "k", data: n }));
    await produce(topic.name, events, { value: "/data" });
    await using input = await startKafkaInput(broker, topic.name);
    await input.context.waitFor(3_000);
    expect(input.context.emitted.map(({ data }) => data)).toEqual(events.map(({ data }) => data));
  });

  test("what a broker refuses is permanent, and takes no neighbour with it", async () => {
    await using topic = await openTopic(broker);
    const large = { data: "x".repeat(2_000_000) };
    const { errors } = await produce(topic.name, [{ data: 1 }, large, { data: 2 }], { value: "/data" });
    expect(errors.map((error) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      "MESSAGE_REFUSED",
      undefined,
    ]);
    await using input = await startKafkaInput(broker, topic.name);
    await input.context.waitFor(2);
  });

  test("what an event lacks is permanent, and says so", async () => {
    const { errors } = await produce("t", [{ data: {} }], { value: "/data/order" });
    expect(errors[0]?.name).toBe("PermanentError");
    expect(errors[0]?.message).toMatch(/has nothing at \/data\/order/);
  });

  test.each([
    ["its partition", { partition: "/data/n" }, { n: 1.5 }, "the number of a partition, not 1.5"],
    ["its text", { value: "/data/n", encode: "string" }, { n: 7 }, "text, not 7"],
    ["its bytes", { value: "/data/n", encode: "bytes" }, { n: "?" }, 'base64, not "?"'],
    ["its key", { messageKey: "/data/n" }, { n: null }, "has nothing at /data/n"],
  ] as const)("what is not fit to be %s is permanent, and says so", async (_, options, data, message) => {
    const { errors } = await produce("t", [{ data }], options);
    expect(errors[0]?.name).toBe("PermanentError");
    expect(errors[0]?.message).toContain(message);
  });

  test("its check finds a topic or says which one is not there, and where", async () => {
    await using topic = await openTopic(broker);
    const check = async (name: string, brokers = [broker]): Promise<void> => {
      const options = checkOptions(kafkaProcess, { brokers, topic: name }, "send");
      await kafkaProcess.check?.(options, { directory: "." });
    };
    await expect(check(topic.name)).resolves.toBeUndefined();
    await expect(check("nowhere")).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      message: `there is no topic nowhere at Kafka ${broker}; make it, or mend its name`,
    });
    await expect(check(topic.name, ["127.0.0.1:9"])).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
  });

  test("a broker that is not there is worth another try", async () => {
    const { errors } = await produce("t", [{}], { brokers: ["127.0.0.1:9"] });
    expect(errors[0]).toMatchObject({ code: "NETWORK" });
    expect(errors[0]?.message).toMatch(/topic t at Kafka 127.0.0.1:9: .*ECONNREFUSED/);
  });
});

describe.skipIf(kafka === undefined)(`the suite for processes, on kafka ${reason ?? ""}`, () => {
  const suite = processConformance({
    async create() {
      const topic = await openTopic(broker, { name: `suite-${randomUUID()}` });
      const process = kafkaProcess({ name: "send", brokers: [broker], topic: topic.name, value: "/data" });
      return {
        process,
        succeeds: { data: { n: 1 } },
        fails: {},
        async close() {
          await topic[Symbol.asyncDispose]();
        },
      };
    },
  });
  test.each(suite)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
