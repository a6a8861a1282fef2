import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Producer } from "@platformatic/kafka";
import { afterAll, describe, expect, test } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { openTopic, startKafkaInput } from "../support/kafka-input.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { eventually } from "../support/postgres-input.ts";

const folder = await mkdtemp(join(tmpdir(), "sluice-kafka-tls-"));
const authority = createAuthority(folder, "authority");
const own = authority?.issue("broker", "IP:127.0.0.1");
const { kafka, reason } = await kafkaForTests({
  ...(authority !== undefined &&
    own !== undefined && { tls: { ...own, clientAuthority: authority.certificate } }),
  settings: { "message.max.bytes": "12000000", "replica.fetch.max.bytes": "12000000" },
});
afterAll(async () => {
  await kafka?.stop();
  await rm(folder, { recursive: true, force: true });
});
const broker = kafka?.broker ?? "";

function isDone(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}

describe.skipIf(kafka === undefined)(`what a topic may hold ${reason ?? ""}`, () => {
  test.each(["gzip", "snappy", "lz4", "zstd"])(
    "batches that the broker compressed by %s are read",
    async (codec) => {
      await using topic = await openTopic(broker, { partitions: 0, name: `compressed-${codec}` });
      await topic.admin.createTopics({
        topics: [topic.name],
        partitions: 1,
        replicas: 1,
        configs: [{ name: "compression.type", value: codec }],
      });
      const body = "compressible ".repeat(500);
      await topic.send(...Array.from({ length: 50 }, (_, n) => ({ value: JSON.stringify({ n, body }) })));
      await using input = await startKafkaInput(broker, topic.name);
      await input.context.waitFor(50);
      expect(input.context.emitted.map(({ data }) => data)).toEqual(
        Array.from({ length: 50 }, (_, n) => ({ n, body })),
      );
    },
  );

  test("a message that is larger than what is fetched at a time is read, and those behind it", async () => {
    await using topic = await openTopic(broker, { partitions: 0, name: "large" });
    await topic.admin.createTopics({
      topics: [topic.name],
      partitions: 1,
      replicas: 1,
      configs: [{ name: "max.message.bytes", value: "12000000" }],
    });
    const body = "x".repeat(9_000_000);
    await topic.send({ value: JSON.stringify({ body }) });
    await topic.send({ value: JSON.stringify({ last: true }) });
    await using input = await startKafkaInput(broker, topic.name);
    await input.context.waitFor(2);
    expect(input.context.emitted.map(({ data }) => data)).toEqual([{ body }, { last: true }]);
  });

  test("what a transaction wrote is read once it is committed, and never if it was aborted", async () => {
    await using topic = await openTopic(broker);
    const producer = new Producer({
      clientId: "transactional",
      bootstrapBrokers: [broker],
      idempotent: true,
      transactionalId: "orders",
      retries: 20,
      retryDelay: 200,
    });
    await using input = await startKafkaInput(broker, topic.name);
    const write = async (value: string, end: "commit" | "abort"): Promise<void> => {
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: [{ topic: topic.name, value: Buffer.from(value) }] });
      await (end === "commit" ? transaction.commit() : transaction.abort());
    };
    await write("1", "commit");
    await write("2", "abort");
    await write("3", "commit");
    await topic.send({ value: "4" });
    await input.context.waitFor(3);
    expect(input.context.emitted.map(({ data }) => data)).toEqual([1, 3, 4]);
    await producer.close();
  });

  test("a topic that is deleted and made anew under its name is another one, read from its beginning", async () => {
    await using topic = await openTopic(broker, { name: "anew" });
    await using input = await startKafkaInput(broker, topic.name, { discoverEvery: "200ms" });
    await topic.send({ value: "1" }, { value: "2" });
    await input.context.waitFor(2);
    await topic.admin.deleteTopics({ topics: [topic.name] });
    const create = { topics: [topic.name], partitions: 1, replicas: 1 };
    await eventually(
      () => isDone(topic.admin.createTopics(create)),
      (isMade) => isMade,
    );
    await eventually(
      () => isDone(topic.send({ value: "3" })),
      (isSent) => isSent,
    );
    const { entries, seen } = input.context;
    const known = input.context.emitted.length;
    // Fetches from the one that is gone fail: what the supervisor starts anew goes on with the other.
    const ended = await Promise.race([
      input.context.waitFor(known + 1).then(() => false),
      isDone(input.ended).then(() => true),
    ]);
    if (!ended) {
      expect(input.context.emitted.at(-1)).toMatchObject({ id: "0/0", data: 3 });
      return;
    }
    await using next = await startKafkaInput(broker, topic.name, { context: { state: entries, seen } });
    await next.context.waitFor(1);
    expect(next.context.emitted).toMatchObject([{ id: "0/0", data: 3 }]);
  });

  test("by their keys, a tombstone is the delete of a record", async () => {
    await using topic = await openTopic(broker);
    await using input = await startKafkaInput(broker, topic.name, { id: "key" });
    await topic.send({ key: "a", value: "1" }, { key: "a" }, { key: "b", value: "2" });
    await input.context.waitFor(3);
    expect(input.context.emitted.map(({ operation, id, key }) => [operation, id, key])).toEqual([
      ["unknown", "a", "a"],
      ["delete", "a", "a"],
      ["unknown", "b", "b"],
    ]);
  });

  test.skipIf(authority === undefined)(
    "a broker that asks for a certificate is shown one, or says so",
    async () => {
      await using topic = await openTopic(broker);
      const ours = (authority as NonNullable<typeof authority>).issue("reader");
      const files = {
        ca: join(folder, "ca.pem"),
        cert: join(folder, "cert.pem"),
        key: join(folder, "key.pem"),
      };
      await writeFile(files.ca, (authority as NonNullable<typeof authority>).certificate);
      await writeFile(files.cert, ours.certificate);
      await writeFile(files.key, ours.key);
      await using input = await startKafkaInput(kafka?.tlsBroker ?? "", topic.name, { tls: files });
      await topic.send({ value: "1" });
      await input.context.waitFor(1);
      const without = startKafkaInput(kafka?.tlsBroker ?? "", topic.name, { tls: { ca: files.ca } });
      await expect(without).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
    },
  );
});
