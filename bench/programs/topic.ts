// How many messages a second leave a topic: `node bench/programs/topic.ts '{"subject":"sluice","durable":true,…}'`.
import { Consumer } from "@platformatic/kafka";
import { Orchestrator } from "../../src/index.ts";
import { kafkaInput } from "../../src/inputs/kafka/index.ts";
import { takeSample } from "../program.ts";

export interface TopicOptions {
  readonly subject: "client" | "sluice";
  readonly durable?: boolean;
  readonly broker: string;
  readonly topic: string;
  /** Messages that the topic has. */
  readonly messages: number;
}

await takeSample(async (options: TopicOptions, folder) => {
  const seen = new Uint8Array(options.messages);
  const isThere = Promise.withResolvers<void>();
  const times = { first: 0, last: 0 };
  let count = 0;
  const see = (number: number): void => {
    if (count++ === 0) times.first = performance.now();
    seen[number] = (seen[number] ?? 0) + 1;
    if (count < options.messages) return;
    times.last = performance.now();
    isThere.resolve();
  };
  const group = `${options.subject}-${process.pid}`;
  const stop =
    options.subject === "client"
      ? await bare(options, group, see)
      : await engine(options, group, folder, see);
  await isThere.promise;
  await stop();
  return {
    rate: options.messages / ((times.last - times.first) / 1_000),
    lost: seen.filter((times) => times === 0).length,
    doubled: seen.filter((times) => times > 1).length,
  };
});

type See = (number: number) => void;
type Stop = () => Promise<void>;

/** The client's own stream, which parses each value as the input does, and commits as it goes. */
async function bare({ broker, topic }: TopicOptions, groupId: string, see: See): Promise<Stop> {
  const consumer = new Consumer({ clientId: "bare", bootstrapBrokers: [broker], groupId });
  const stream = await consumer.consume({
    topics: [topic],
    mode: "committed",
    fallbackMode: "earliest",
    autocommit: 100,
    maxBytesPerPartition: 1_048_576,
  });
  stream.on("data", ({ value }) => see((JSON.parse(value.toString()) as { number: number }).number));
  return () => consumer.close(true);
}

async function engine(
  { broker, topic, durable = false }: TopicOptions,
  group: string,
  folder: string,
  see: See,
): Promise<Stop> {
  const orchestrator = new Orchestrator({ journal: durable ? `sqlite:${folder}/journal.db` : "memory:" });
  orchestrator.addInput(kafkaInput({ name: "topic", brokers: [broker], topics: [topic], group }));
  orchestrator.addProcess({ name: "see", run: ({ data }) => see((data as { number: number }).number) });
  orchestrator.addLink("topic", "see");
  await orchestrator.start();
  return () => orchestrator.stop();
}
