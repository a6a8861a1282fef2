// The topic that the shop tells of its orders, if there is a Kafka.
import { Admin, Producer } from "@platformatic/kafka";

export const TOPIC = "orders";

const client = (brokers: string): { clientId: string; bootstrapBrokers: string[]; retries: number } => ({
  clientId: "shop",
  bootstrapBrokers: brokers.split(","),
  retries: 10,
});

/** Makes the topic, unless it is there. */
export async function createTopic(brokers: string): Promise<void> {
  const admin = new Admin(client(brokers));
  try {
    const topics = await admin.listTopics();
    if (!topics.includes(TOPIC)) await admin.createTopics({ topics: [TOPIC], partitions: 3, replicas: 1 });
  } finally {
    await admin.close();
  }
}

export interface Sent {
  /** What the orders of one key are told under stays in order. */
  readonly key: string;
  readonly value: string;
  readonly delivery: string;
}

export interface Topic extends AsyncDisposable {
  /** Resolves when the topic has it, with the place that it has there. */
  send(message: Sent): Promise<string>;
}

export function openTopic(brokers: string): Topic {
  const producer = new Producer({ ...client(brokers), idempotent: true, acks: -1 });
  // One at a time, so that each message has its number once.
  let last: Promise<unknown> = Promise.resolve();
  const send = async ({ key, value, delivery }: Sent): Promise<string> => {
    const headers = new Map([[Buffer.from("delivery"), Buffer.from(delivery)]]);
    const message = { topic: TOPIC, key: Buffer.from(key), value: Buffer.from(value), headers };
    const { offsets = [] } = await producer.send({ messages: [message] });
    return offsets.map(({ topic, partition, offset }) => `${topic}/${partition}/${offset}`).join();
  };
  return {
    send(message) {
      const sending = last.then(() => send(message));
      last = sending.catch(() => undefined);
      return sending;
    },
    [Symbol.asyncDispose]: () => producer.close(),
  };
}
