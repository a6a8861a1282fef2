import { randomUUID } from "node:crypto";
import { Admin, Producer } from "@platformatic/kafka";
import { systemClock } from "../../src/engine/system.ts";
import { kafkaInput, type KafkaInputOptions } from "../../src/inputs/kafka/index.ts";
import type { InputSettings } from "../../src/model/component.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../src/testing/context.ts";
import { createKeepingLogger } from "./logger.ts";

export interface Sent {
  readonly key?: string | Buffer;
  readonly value?: string | Buffer;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
  readonly partition?: number;
  readonly timestamp?: number;
}

/** A topic of its own, and a client to fill it and to look at it. */
export interface Topic extends AsyncDisposable {
  readonly name: string;
  readonly admin: Admin;
  send(...messages: readonly Sent[]): Promise<void>;
  /** What a group has committed, by partition; -1 for nothing. */
  committed(group: string): Promise<readonly number[]>;
}

export async function openTopic(
  broker: string,
  { partitions = 1, name = `topic-${randomUUID().slice(0, 8)}` }: { partitions?: number; name?: string } = {},
): Promise<Topic> {
  const client = { clientId: "test", bootstrapBrokers: [broker], retries: 20, retryDelay: 200 };
  const admin = new Admin(client);
  const producer = new Producer({ ...client, acks: -1 });
  if (partitions > 0) await admin.createTopics({ topics: [name], partitions, replicas: 1 });
  const bytes = (value: string | Buffer): Buffer => (typeof value === "string" ? Buffer.from(value) : value);
  return {
    name,
    admin,
    async send(...messages) {
      await producer.send({
        messages: messages.map(({ key, value, headers, partition, timestamp }) => ({
          topic: name,
          ...(key !== undefined && { key: bytes(key) }),
          ...(value !== undefined && { value: bytes(value) }),
          ...(headers !== undefined && {
            headers: new Map(Object.entries(headers).map(([one, value]) => [Buffer.from(one), bytes(value)])),
          }),
          ...(partition !== undefined && { partition }),
          ...(timestamp !== undefined && { timestamp: BigInt(timestamp) }),
        })),
      });
    },
    async committed(group) {
      const [found] = await admin.listConsumerGroupOffsets({ groups: [group] });
      const offsets: number[] = Array.from({ length: Math.max(partitions, 1) }, () => -1);
      for (const { name: topic, partitions: listed } of found?.topics ?? []) {
        if (topic !== name) continue;
        for (const { partitionIndex, committedOffset } of listed)
          offsets[partitionIndex] = Number(committedOffset);
      }
      return offsets;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([admin.close(), producer.close()]);
    },
  };
}

export interface RunningInput extends AsyncDisposable {
  readonly context: TestInputContext;
  /** What was logged, as `level: message`. */
  readonly lines: readonly string[];
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export type StartOptions = Partial<KafkaInputOptions> &
  InputSettings & { readonly context?: InputContextOptions; readonly name?: string };

/** Starts a `kafka` input of a topic on a context that keeps what it emits, and waits until it is ready. */
export async function startKafkaInput(
  broker: string,
  topic: string,
  { context: own, name = "in", ...options }: StartOptions = {},
): Promise<RunningInput> {
  const { logger, lines } = createKeepingLogger();
  const context = createInputContext({ clock: systemClock, logger, name, ...own });
  const input = kafkaInput({
    name,
    brokers: [broker],
    topics: [topic],
    group: `group-${topic}`,
    sessionTimeout: "6s",
    ...options,
  });
  const ended = input.handle(context);
  ended.catch(() => undefined);
  await Promise.race([context.isReady.wait(), ended]);
  const stop = async (): Promise<void> => {
    context.stop();
    await ended;
  };
  return { context, lines, ended, stop, [Symbol.asyncDispose]: () => stop().catch(() => undefined) };
}
