import { loadKafka } from "../../kafka/driver.ts";
import { clientOptions, readsLocal, topicDataset } from "../../kafka/options.ts";
import type { Input } from "../../model/component.ts";
import { defineInput, type InputKind, type Surroundings } from "../../model/kind.ts";
import { checkTopics } from "./check.ts";
import { kafkaInputOptions, type KafkaInputOptions, type ResolvedOptions } from "./options.ts";
import { consume } from "./session.ts";

export type { Decode, KafkaInputOptions } from "./options.ts";
export type { ConnectionOptions, SaslOptions, TlsOptions } from "../../kafka/options.ts";

/**
 * Reads topics of Kafka: an event for each message. Its location is the topic, its id `partition/offset`, its key the
 * message's key, its time the message's; headers are kept. A message without a value is a delete.
 *
 * Offsets are committed only after the journal has the events. A message that is read again, after a crash or when the
 * group is dealt out anew, is a duplicate of itself: it is told by cluster, topic (its UUID), partition and offset.
 */
export const kafkaInput: InputKind<KafkaInputOptions, ResolvedOptions, unknown> = defineInput({
  type: "kafka",
  summary: "Reads topics of Kafka as a member of a consumer group.",
  load: loadKafka,
  options: kafkaInputOptions,
  secrets: ["sasl"],
  readsLocal,
  create: createKafkaInput,
  check: checkTopics,
});

function createKafkaInput(name: string, options: ResolvedOptions, { directory }: Surroundings): Input {
  return {
    name,
    type: "kafka",
    announcesReady: true,
    reads: "pattern" in options.topics ? [] : options.topics.map((topic) => topicDataset(options, topic)),
    async handle(context) {
      if (context.signal.aborted) return;
      const kafka = await loadKafka();
      const client = clientOptions(options, `sluice-${context.pipeline}-${name}`, directory);
      await consume(context, options, kafka, client);
    },
  };
}
