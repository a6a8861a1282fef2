import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openTopic, startKafkaInput } from "../../../test/support/kafka-input.ts";
import { kafkaForTests } from "../../../test/support/kafka.ts";
import { eventually } from "../../../test/support/postgres-input.ts";
import { SluiceError } from "../../model/errors.ts";
import type { Event } from "../../model/event.ts";
import { systemClock } from "../../engine/system.ts";
import { checkOptions, type CheckReport } from "../../model/kind.ts";
import { createSignal } from "../../testing/signal.ts";
import { inputConformance, type InputSubject } from "../../testing/inputs/conformance.ts";
import { kafkaInput, type KafkaInputOptions } from "./index.ts";

const certificates = await mkdtemp(join(tmpdir(), "sluice-certificates-"));
const tls = selfSigned(certificates);
const { kafka, reason } = await kafkaForTests({
  users: { ada: "wonderland" },
  ...(tls !== undefined && { tls }),
});
afterAll(async () => {
  await kafka?.stop();
  await rm(certificates, { recursive: true, force: true });
});
const broker = kafka?.broker ?? "";

describe.skipIf(kafka === undefined)(`a kafka input ${reason ?? ""}`, () => {
  test("emits what a message says: topic, place, key, time, value, headers", async () => {
    await using topic = await openTopic(broker);
    await using input = await startKafkaInput(broker, topic.name);
    const headers = { source: "shop", traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` };
    await topic.send({ key: "o-1", value: '{"total":12}', headers, timestamp: Date.UTC(2026, 0, 2) });
    await topic.send({ key: "o-1" });
    await input.context.waitFor(2);
    const [first, second] = input.context.emitted;
    expect(first).toMatchObject({
      location: topic.name,
      operation: "unknown",
      id: "0/0",
      key: "o-1",
      time: "2026-01-02T00:00:00.000Z",
      data: { total: 12 },
      headers: { source: "shop" },
      cause: { runs: [], hops: 0, traceparent: headers.traceparent },
    });
    expect(first?.headers).not.toHaveProperty("traceparent");
    expect(second).toMatchObject({ operation: "delete", id: "0/1", key: "o-1", data: undefined });
  });

  test("commits an offset only once the journal has the event", async () => {
    await using topic = await openTopic(broker);
    const kept = createSignal();
    const keeping = createSignal();
    const beforeEmit = (): Promise<void> => {
      keeping.set();
      return kept.wait();
    };
    await using input = await startKafkaInput(broker, topic.name, { context: { beforeEmit } });
    await topic.send({ value: "1" }, { value: "2" });
    await keeping.wait();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await topic.committed(`group-${topic.name}`)).toEqual([0]);
    kept.set();
    await input.context.waitFor(2);
    await eventually(
      () => topic.committed(`group-${topic.name}`),
      ([offset]) => offset === 2,
    );
  });

  test("takes up where it was, and knows a message that it is given again", async () => {
    await using topic = await openTopic(broker);
    const first = await startKafkaInput(broker, topic.name);
    await topic.send({ value: "1" }, { value: "2" });
    await first.context.waitFor(2);
    await first.stop();
    expect(await topic.committed(`group-${topic.name}`)).toEqual([2]);

    await topic.send({ value: "3" });
    await using second = await startKafkaInput(broker, topic.name, { context: { seen: first.context.seen } });
    await second.context.waitFor(1);
    expect(second.context.emitted.map(({ data }) => data)).toEqual([3]);
    await second.stop();

    // A group that has lost its offsets reads all of it again.
    await topic.admin.deleteConsumerGroupOffsets({
      groupId: `group-${topic.name}`,
      topics: [{ name: topic.name, partitionIndexes: [0] }],
    });
    const { seen, entries } = second.context;
    await using third = await startKafkaInput(broker, topic.name, {
      from: "latest",
      context: { seen, state: entries },
    });
    await eventually(
      () => third.context.emissions,
      (count) => count === 3,
    );
    expect(third.context.emitted).toEqual([]);
  });

  test.each(["latest", "2026-01-02T00:00:00Z"])("begins at %s if it is told so", async (from) => {
    await using topic = await openTopic(broker);
    await topic.send({ value: '"old"', timestamp: Date.UTC(2026, 0, 1) });
    await using input = await startKafkaInput(broker, topic.name, { from });
    await topic.send({ value: '"new"', timestamp: Date.UTC(2026, 0, 3) });
    await input.context.waitFor(1);
    expect(input.context.emitted.map(({ data }) => data)).toEqual(["new"]);
  });

  test("with latest, loses nothing that came while it was down before its first message", async () => {
    await using topic = await openTopic(broker);
    await topic.send({ value: "1" });
    await (await startKafkaInput(broker, topic.name, { from: "latest" })).stop();
    await topic.send({ value: "2" });
    await using input = await startKafkaInput(broker, topic.name, { from: "latest" });
    await input.context.waitFor(1);
    expect(input.context.emitted.map(({ data }) => data)).toEqual([2]);
  });

  test("keeps a message that cannot be read as bytes, says so in a header, and goes on", async () => {
    await using topic = await openTopic(broker);
    await using input = await startKafkaInput(broker, topic.name);
    const deep = `${"[".repeat(2_000)}${"]".repeat(2_000)}`;
    await topic.send({ value: "{" }, { value: Buffer.from([0xff, 0xfe]) }, { value: deep }, { value: "1" });
    await input.context.waitFor(4);
    const [cut, binary, nested, right] = input.context.emitted;
    expect(cut).toMatchObject({ data: "ew==", headers: { "sluice-undecodable": "the value is no JSON" } });
    expect(binary).toMatchObject({ data: "//4=" });
    expect(nested?.data).toBe(Buffer.from(deep).toString("base64"));
    expect(nested?.headers["sluice-undecodable"]).toContain("1000 levels");
    expect(right).toMatchObject({ data: 1, headers: {} });
  });

  test("fails for a message that cannot be read if it is told so, and says which one", async () => {
    await using topic = await openTopic(broker);
    await using input = await startKafkaInput(broker, topic.name, { onUndecodable: "fail" });
    await topic.send({ value: "1" }, { value: "{" });
    await expect(input.ended).rejects.toMatchObject({
      code: "INVALID_EVENT",
      message: `message 0/1 of topic ${topic.name}: the value is no JSON`,
    });
  });

  test("waits for the journal while that is busy, and keeps the order of a partition", async () => {
    await using topic = await openTopic(broker);
    let refusals = 3;
    const beforeEmit = (): void => {
      if (refusals-- > 0) throw new SluiceError("JOURNAL_BACKLOG", "too much is waiting");
    };
    await using input = await startKafkaInput(broker, topic.name, { context: { beforeEmit }, batchSize: 7 });
    await topic.send(...Array.from({ length: 100 }, (_, n) => ({ value: String(n) })));
    await input.context.waitFor(100);
    expect(input.context.emitted.map(({ data }) => data)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(input.lines.filter((line) => line.includes("waits for the journal"))).toHaveLength(1);
  });

  test("waits for the journal with a message that makes no event, too", async () => {
    await using topic = await openTopic(broker);
    let refusals = 2;
    const beforeEmit = ({ headers }: Event): void => {
      if ("sluice-undecodable" in headers && refusals-- > 0) {
        throw new SluiceError("JOURNAL_BACKLOG", "too much is waiting");
      }
    };
    await using input = await startKafkaInput(broker, topic.name, { context: { beforeEmit } });
    await topic.send({ value: "1" }, { value: `${"[".repeat(2_000)}${"]".repeat(2_000)}` }, { value: "2" });
    await input.context.waitFor(3);
    expect(input.context.emitted.map(({ id }) => id)).toEqual(["0/0", "0/1", "0/2"]);
    expect(refusals).toBe(-1);
  });

  test("fetches no more while the journal takes nothing", async () => {
    await using topic = await openTopic(broker);
    const kept = createSignal();
    await using input = await startKafkaInput(broker, topic.name, {
      context: { beforeEmit: () => kept.wait() },
      batchSize: 10,
    });
    const value = JSON.stringify("x".repeat(100_000));
    for (let n = 0; n < 20; n += 1) await topic.send(...Array.from({ length: 9 }, () => ({ value })));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(input.context.emissions).toBeLessThanOrEqual(10);
    kept.set();
    await input.context.waitFor(180);
  });

  test("goes on at what is left when messages are deleted before it read them, and says how many were lost", async () => {
    await using topic = await openTopic(broker);
    const kept = createSignal();
    await using input = await startKafkaInput(broker, topic.name, {
      context: { beforeEmit: () => kept.wait() },
      batchSize: 1,
    });
    await topic.send({ value: "0" }, { value: "1" }, { value: "2" });
    await eventually(
      () => input.context.emissions,
      (count) => count === 1,
    );
    await topic.send({ value: "3" }, { value: "4" }, { value: "5" });
    const partitions = [{ partition: 0, offset: 5n }];
    await topic.admin.deleteRecords({ topics: [{ name: topic.name, partitions }] });
    kept.set();
    await input.context.waitFor(4);
    expect(input.context.emitted.map(({ data }) => data)).toEqual([0, 1, 2, 5]);
    expect(input.lines.filter((line) => line.startsWith("error: "))).toEqual([
      "error: 2 messages were deleted from the topic before they were read; keep them longer, or read faster",
    ]);
  });

  test("says how far it is behind, in all and by partition", async () => {
    await using topic = await openTopic(broker);
    await topic.send({ value: "1" }, { value: "2" });
    const kept = createSignal();
    await using input = await startKafkaInput(broker, topic.name, {
      context: { beforeEmit: () => kept.wait() },
    });
    await eventually(
      () => input.context.reported.lag,
      (lag) => lag?.events === 2 && lag.details?.[`${topic.name}/0`] === 2,
    );
    kept.set();
    await eventually(
      () => input.context.reported.lag,
      (lag) => lag?.events === 0,
    );
  });

  test("reads topics by a pattern, those too that come later, from their beginning", async () => {
    await using first = await openTopic(broker, { name: "pattern.one" });
    await using other = await openTopic(broker, { name: "other.pattern.one" });
    await using input = await startKafkaInput(broker, "", {
      topics: { pattern: "pattern\\..*" },
      group: "by-pattern",
      from: "latest",
      discoverEvery: "200ms",
    });
    await other.send({ value: "0" });
    await first.send({ value: "1" });
    await using second = await openTopic(broker, { name: "pattern.two" });
    await second.send({ value: "2" });
    await input.context.waitFor(2);
    expect(
      input.context.emitted.map(({ location, data }) => `${location} ${String(data)}`).toSorted(),
    ).toEqual(["pattern.one 1", "pattern.two 2"]);
  });

  test("waits for a topic that is not there, and reads partitions that come later", async () => {
    await using topic = await openTopic(broker, { partitions: 0 });
    await using input = await startKafkaInput(broker, topic.name, { discoverEvery: "200ms" });
    expect(input.lines).toContain("warn: topics are not there yet; they are read once they are");
    await topic.admin.createTopics({ topics: [topic.name], partitions: 1, replicas: 1 });
    await topic.send({ value: "1" });
    await input.context.waitFor(1);
    await topic.admin.createPartitions({
      topics: [{ name: topic.name, count: 3, assignments: null }],
    });
    await eventually(
      async () => {
        const sending = topic.send({ value: "2", partition: 2 });
        return sending.then(
          () => true,
          () => false,
        );
      },
      (sent) => sent,
    );
    await input.context.waitFor(2);
  });

  test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
    "logs in by %s, and says so when it may not, without the password",
    async (mechanism) => {
      await using topic = await openTopic(broker);
      const sasl = { mechanism, username: "ada", password: "wonderland" };
      await using input = await startKafkaInput(kafka?.saslBroker ?? "", topic.name, { sasl });
      await topic.send({ value: "1" });
      await input.context.waitFor(1);

      const refused = startKafkaInput(kafka?.saslBroker ?? "", topic.name, {
        sasl: { ...sasl, password: "looking-glass" },
      });
      await expect(refused).rejects.toMatchObject({
        code: "SOURCE_UNAVAILABLE",
        message: expect.not.stringContaining("looking-glass"),
      });
      await expect(refused).rejects.toThrow(/authentication/i);
    },
  );

  test.skipIf(tls === undefined)("encrypts, and trusts only who is named", async () => {
    await using topic = await openTopic(broker);
    const ca = join(certificates, "certificate.pem");
    await using input = await startKafkaInput(kafka?.tlsBroker ?? "", topic.name, { tls: { ca } });
    await topic.send({ value: "1" });
    await input.context.waitFor(1);
    const distrusting = startKafkaInput(kafka?.tlsBroker ?? "", topic.name, { tls: true });
    await expect(distrusting).rejects.toThrow(/self-signed certificate/);
  });

  test("whose certificate cannot be read fails, and says which file", async () => {
    await expect(startKafkaInput(broker, "t", { tls: { ca: "none.pem" } })).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
      message: "tls.ca: none.pem cannot be read: there is no such file",
    });
  });

  test("its check finds its topics or says what is not there, and where", async () => {
    await using topic = await openTopic(broker);
    const check = async (
      topics: KafkaInputOptions["topics"],
      brokers = [broker],
      group = `group-${topic.name}`,
    ): Promise<CheckReport | void> => {
      const options = checkOptions(kafkaInput, { brokers, topics, group, from: "earliest" }, "in");
      return kafkaInput.check?.(options, { directory: "." });
    };
    await topic.send({ value: "1" }, { value: "2" });
    expect(await check([topic.name])).toEqual({ lag: { events: 2, details: { [`${topic.name}/0`]: 2 } } });
    {
      await using input = await startKafkaInput(broker, topic.name, { from: "earliest" });
      await input.context.waitFor(2);
    }
    await topic.send({ value: "3" });
    expect(await check([topic.name])).toMatchObject({ lag: { events: 1 } });
    expect(await check({ pattern: "topic-.*" })).toMatchObject({ lag: {} });
    await expect(check([topic.name, "nowhere"])).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      message: expect.stringContaining("there is no topic nowhere at Kafka"),
    });
    await expect(check({ pattern: "nowhere" })).rejects.toThrow("no topic matches the pattern");
    await expect(check([topic.name], ["127.0.0.1:9"])).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
  });

  test("a source that is not there fails it, and says where it was sought", async () => {
    await expect(startKafkaInput("127.0.0.1:9", "t")).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      message: expect.stringContaining("Kafka at 127.0.0.1:9"),
    });
  });
});

describe.skipIf(kafka === undefined)(`the suite for inputs, on kafka ${reason ?? ""}`, () => {
  async function create(): Promise<InputSubject> {
    const topic = await openTopic(broker);
    const group = `group-${topic.name}`;
    const input = kafkaInput({
      name: "in",
      brokers: [broker],
      topics: [topic.name],
      group,
      sessionTimeout: "6s",
    });
    let sent = 0;
    return {
      input,
      context: { clock: systemClock },
      async tell() {
        await topic.send({ value: "{}" });
        sent += 1;
        await eventually(
          () => topic.committed(group),
          ([offset]) => (offset ?? 0) >= sent,
          2_000,
        );
      },
      async close() {
        await topic[Symbol.asyncDispose]();
      },
    };
  }
  test.each(inputConformance({ create, acknowledges: true }))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** A certificate for 127.0.0.1 and its key in a folder; `undefined` without openssl. */
function selfSigned(folder: string): { readonly certificate: string; readonly key: string } | undefined {
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  const made = spawnSync(
    "openssl",
    `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1`
      .split(" ")
      .concat("-keyout", key, "-out", certificate),
  );
  if (made.status !== 0) return undefined;
  return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
}
