import { Admin, Producer } from "@platformatic/kafka";
import { startKafka, type KafkaBroker } from "../../examples/support/kafka.ts";
import type { TopicOptions } from "../programs/topic.ts";
import type { SampleRequest, Scenario } from "../scenario.ts";

const MESSAGES = 100_000;
const TOPIC = "numbers";
let broker: KafkaBroker | undefined;

function topic(options: Pick<TopicOptions, "subject" | "durable">): () => SampleRequest {
  return () => {
    if (broker === undefined) throw new Error("the broker was not started");
    const load: TopicOptions = { ...options, broker: broker.broker, topic: TOPIC, messages: MESSAGES };
    return { program: "programs/topic.ts", options: load };
  };
}

/** A broker with a topic of four partitions that is full already; it ends with the benchmark. */
async function prepare(): Promise<void> {
  broker = await startKafka();
  const client = { clientId: "bench", bootstrapBrokers: [broker.broker], retries: 10, retryDelay: 200 };
  const [admin, producer] = [new Admin(client), new Producer({ ...client, idempotent: true, acks: -1 })];
  await admin.createTopics({ topics: [TOPIC], partitions: 4, replicas: 1 });
  const padding = "x".repeat(150);
  for (let from = 0; from < MESSAGES; from += 1_000) {
    const messages = Array.from({ length: 1_000 }, (_, index) => {
      const number = from + index;
      const value = Buffer.from(JSON.stringify({ number, padding }));
      return { topic: TOPIC, key: Buffer.from(String(number)), value };
    });
    await producer.send({ messages });
  }
  await Promise.all([admin.close(), producer.close()]);
}

export const scenario: Scenario = {
  name: "O",
  title: "Kafka topic to process, 4 partitions, 180 bytes, against the bare client's stream",
  prepare,
  samples: {
    client: topic({ subject: "client" }),
    memory: topic({ subject: "sluice" }),
    durable: topic({ subject: "sluice", durable: true }),
  },
  measures: [
    {
      label: "durable",
      unit: "messages/s",
      digits: 0,
      of: (value) => value("durable", "rate"),
      aim: { atLeast: 20_000 },
    },
    {
      label: "in memory, of the client's",
      unit: "",
      digits: 2,
      of: (value) => value("memory", "rate") / value("client", "rate"),
      aim: { atLeast: 0.5 },
    },
    { label: "bare client", unit: "messages/s", digits: 0, of: (value) => value("client", "rate") },
    { label: "in memory", unit: "messages/s", digits: 0, of: (value) => value("memory", "rate") },
  ],
};
