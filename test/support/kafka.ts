import { startKafka, type KafkaBroker, type KafkaOptions } from "../../examples/support/kafka.ts";

export type { KafkaBroker };

/**
 * A broker for a test file, or the reason why there is none. With `kafka` in SLUICE_TEST_REQUIRE the reason is thrown
 * instead: there, a skip is a failure.
 */
export async function kafkaForTests(
  options: KafkaOptions = {},
): Promise<{ kafka: KafkaBroker; reason?: undefined } | { kafka?: undefined; reason: string }> {
  try {
    return { kafka: await startKafka(options) };
  } catch (error) {
    if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("kafka") === true) throw error;
    return { reason: (error as Error).message };
  }
}
