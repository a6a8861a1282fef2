import { loadKafka, type KafkaProducer } from "../../kafka/driver.ts";
import { describeKafkaError, kafkaErrorNames, sourceError } from "../../kafka/errors.ts";
import { clientOptions, readsLocal, topicDataset } from "../../kafka/options.ts";
import type { Process } from "../../model/component.ts";
import { PermanentError, SluiceError } from "../../model/errors.ts";
import { defineProcess, type ProcessKind, type Surroundings } from "../../model/kind.ts";
import { createBatcher, isRefused, type Batcher } from "./batcher.ts";
import { createMessageMaker } from "./message.ts";
import { kafkaProcessOptions, type KafkaProcessOptions, type ResolvedOptions } from "./options.ts";

export type { KafkaProcessOptions } from "./options.ts";
export type { ConnectionOptions, SaslOptions, TlsOptions } from "../../kafka/options.ts";

/** How long an attempt may take if nothing else is said. */
const TIMEOUT = "60s";

/**
 * Sends each event to a topic of Kafka: the event's JSON under its key, or what pointers pick out of it. A run succeeds
 * once every replica in sync has its message (`acks=all`); within an attempt a message is written once (the producer is
 * idempotent), a run that is tried again may write another: consumers tell them by the header `x-sluice-run`.
 *
 * A message that the broker refuses for what it is (too large) is permanent; all else is retried.
 */
export const kafkaProcess: ProcessKind<KafkaProcessOptions, ResolvedOptions, unknown> = defineProcess({
  type: "kafka",
  summary: "Sends each event to a topic of Kafka, as it is or mapped.",
  load: loadKafka,
  options: kafkaProcessOptions,
  secrets: ["sasl"],
  readsLocal,
  create: createKafkaProcess,
  check: checkTopic,
});

function createKafkaProcess(name: string, options: ResolvedOptions, { directory }: Surroundings): Process {
  const makeMessage = createMessageMaker(options);
  const where = `topic ${options.topic} at Kafka ${options.brokers.join(", ")}`;
  let batcher: Batcher | undefined;

  async function openProducer(): Promise<KafkaProducer> {
    const { Producer } = await loadKafka();
    const producer = new Producer({
      ...clientOptions(options, `sluice-${name}`, directory),
      idempotent: true,
      acks: -1,
    });
    producer.on("error", () => undefined);
    return producer;
  }

  return {
    name,
    type: "kafka",
    writes: [topicDataset(options, options.topic)],
    settings: { timeout: TIMEOUT },
    async run(event, context) {
      batcher ??= createBatcher(openProducer);
      const message = makeMessage(event, context);
      try {
        await batcher.send(message, context.signal);
      } catch (error) {
        throw context.signal.aborted ? error : toProcessError(error, where);
      }
    },
    async close() {
      const open = batcher;
      batcher = undefined;
      await open?.close();
    },
  };
}

function toProcessError(error: unknown, where: string): Error {
  if (error instanceof SluiceError) return error;
  const message = `${where}: ${describeKafkaError(error)}`;
  if (isRefused(error)) return new PermanentError(message, { code: "MESSAGE_REFUSED", cause: error });
  return new SluiceError("NETWORK", message, {
    cause: error,
    details: { errors: [...kafkaErrorNames(error)] },
  });
}

/** Connects and looks whether the topic is there. */
async function checkTopic(options: ResolvedOptions, { directory }: Surroundings): Promise<void> {
  const { Admin } = await loadKafka();
  const admin = new Admin({ ...clientOptions(options, "sluice-check", directory), retries: 0 });
  try {
    const topics = await admin.listTopics({ includeInternals: true }).catch((error: unknown) => {
      throw sourceError(error, "cannot list the topics of", options.brokers);
    });
    if (topics.includes(options.topic)) return;
    throw new SluiceError(
      "SOURCE_UNAVAILABLE",
      `there is no topic ${options.topic} at Kafka ${options.brokers.join(", ")}; make it, or mend its name`,
    );
  } finally {
    await admin.close();
  }
}
