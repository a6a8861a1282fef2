import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { KafkaConsumer } from "../../kafka/driver.ts";
import { createInputContext } from "../../testing/context.ts";
import { createDecoder } from "./decode.ts";
import { startReading, type Reading } from "./reader.ts";
import type { Start } from "./start.ts";

const START: Start = {
  topic: "orders",
  topicId: "t",
  partition: 0,
  leader: 1,
  offset: 0n,
  end: 0n,
  committed: undefined,
};

/** Reads from a broker that answers each fetch with an error. */
function readFailing(error: Error, starts: readonly Start[], stop = new AbortController().signal): Reading {
  const fetch = async (): Promise<never> => {
    throw error;
  };
  const reader = { fetch } as unknown as KafkaConsumer;
  const decoder = createDecoder({ decode: "json", id: "offset", onUndecodable: "keep" });
  const context = createInputContext();
  const onProgress = (): void => undefined;
  return startReading({ reader, starts, batchSize: 1, context, decoder, clusterId: "c", stop, onProgress });
}

test("what fails before anyone waits for it is told to who does, and is not an unhandled rejection", async () => {
  const { ended } = readFailing(new Error("lost"), [START]);
  await setImmediate();
  await expect(ended).rejects.toThrow("lost");
});

test("an offset that is out of range ends it, for a new start to mend", async () => {
  const error = Object.assign(new Error("no such offset"), { apiId: "OFFSET_OUT_OF_RANGE" });
  await expect(readFailing(error, [START]).ended).resolves.toBeUndefined();
});

test("without a partition it lasts until it is stopped", async () => {
  const stop = new AbortController();
  const { ended } = readFailing(new Error("lost"), [], stop.signal);
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  await setImmediate();
  expect(hasEnded).toBe(false);
  stop.abort();
  await expect(ended).resolves.toBeUndefined();
});
