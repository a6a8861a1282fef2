import { loadKafka, type KafkaModule, type KafkaClientOptions } from "../../kafka/driver.ts";
import { sourceError } from "../../kafka/errors.ts";
import { clientOptions } from "../../kafka/options.ts";
import type { InputLag } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import type { CheckReport, Surroundings } from "../../model/kind.ts";
import { silentLogger } from "../../model/logger.ts";
import { lagOf } from "./lag.ts";
import type { ResolvedOptions } from "./options.ts";
import { findStarts } from "./start.ts";
import { findTopics } from "./topics.ts";

/**
 * Connects and looks whether the topics are there, and may be read about; answers how far the group is behind.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, MISSING_DEPENDENCY
 */
export async function checkTopics(
  options: ResolvedOptions,
  { directory }: Surroundings,
): Promise<CheckReport> {
  const kafka = await loadKafka();
  const client = { ...clientOptions(options, "sluice-check", directory), retries: 0 };
  const admin = new kafka.Admin(client);
  try {
    const { names, missing } = await findTopics(admin, options.topics).catch((error: unknown) => {
      throw sourceError(error, "cannot list the topics of", options.brokers);
    });
    if (missing.length === 0 && names.length > 0)
      return { lag: await readLag(kafka, client, options, names) };
    const what =
      missing.length === 0 ? "no topic matches the pattern" : `there is no topic ${missing.join(", ")}`;
    throw new SluiceError(
      "SOURCE_UNAVAILABLE",
      `${what} at Kafka ${options.brokers.join(", ")}; the input waits for it; make it, or mend its name`,
    );
  } finally {
    await admin.close();
  }
}

/** From what the group has committed, without joining it; of a partition without that, from where it would begin. */
async function readLag(
  kafka: KafkaModule,
  client: KafkaClientOptions,
  { brokers, from, group }: ResolvedOptions,
  names: readonly string[],
): Promise<InputLag> {
  const reader = new kafka.Consumer({ ...client, groupId: group, autocommit: false });
  try {
    const { topics } = await reader.metadata({ topics: [...names] });
    const assigned = [...topics].map(([topic, { partitionsCount }]) => ({
      topic,
      partitions: Array.from({ length: partitionsCount }, (_, partition) => partition),
    }));
    const starts = await findStarts(reader, reader, {
      topics,
      assigned,
      from,
      // A check asks no journal.
      done: () => undefined,
      log: silentLogger,
      input: "",
    });
    return lagOf(starts.map((start) => ({ start, lag: start.end - start.offset })));
  } catch (error) {
    throw sourceError(error, `cannot read what group "${group}" has committed at`, brokers);
  } finally {
    await reader.close(true);
  }
}
