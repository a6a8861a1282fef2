import type { KafkaProducer, ProducedMessage } from "../../kafka/driver.ts";
import { kafkaErrorNames } from "../../kafka/errors.ts";

/** Bytes that are sent together; a larger message goes by itself, so that it alone can be too large. */
const BATCH_BYTES = 524_288;
const BATCH_MESSAGES = 1_000;
/** Bytes of a message besides its key, value and headers, at most. */
const OVERHEAD = 64;
/** What a broker finds wrong with a message, and will always. */
const REFUSED = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "CORRUPT_MESSAGE"];

interface Waiting {
  readonly message: ProducedMessage;
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Sends messages: what came while one batch was on its way goes into the next, without a timer. */
export interface Batcher {
  /**
   * Resolves when every replica in sync has it. Once the signal aborts it rejects with its reason: what waits is not sent
   * any more, what is on its way cannot be called back.
   */
  send(message: ProducedMessage, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * One batch at a time, so that the broker sees messages in the order in which they came, and each once: a producer whose
 * batch has failed is given up, since it cannot know which of its sequence numbers were taken.
 */
export function createBatcher(open: () => Promise<KafkaProducer>): Batcher {
  const waiting: Waiting[] = [];
  let producer: Promise<KafkaProducer> | undefined;
  let running: Promise<void> | undefined;

  async function giveUp(): Promise<void> {
    const failed = producer;
    producer = undefined;
    await failed?.then((one) => one.close()).catch(() => undefined);
  }

  async function sendBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      producer ??= open();
      const one = await producer;
      await one.send({ messages: batch.map(({ message }) => message) });
    } catch (error) {
      await giveUp();
      // Its innocent neighbours are sent again, each by itself.
      if (batch.length > 1 && isRefused(error)) {
        for (const each of batch) await sendBatch([each]);
        return;
      }
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  async function sendAll(): Promise<void> {
    // What is sent in this same turn of the event loop goes into one batch.
    await Promise.resolve();
    while (waiting.length > 0) await sendBatch(takeBatch(waiting));
    running = undefined;
  }

  return {
    async send(message, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const entry: Waiting = { message, size: sizeOf(message), resolve, reject };
      const abort = (): void => {
        const index = waiting.indexOf(entry);
        if (index !== -1) waiting.splice(index, 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      waiting.push(entry);
      running ??= sendAll();
      try {
        await promise;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
    async close() {
      await running;
      await giveUp();
    },
  };
}

export function isRefused(error: unknown): boolean {
  const names = kafkaErrorNames(error);
  return REFUSED.some((name) => names.has(name));
}

function takeBatch(waiting: Waiting[]): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { size } of waiting) {
    bytes += size;
    if (count > 0 && (bytes > BATCH_BYTES || count === BATCH_MESSAGES)) break;
    count += 1;
  }
  return waiting.splice(0, count);
}

function sizeOf({ key, value, headers }: ProducedMessage): number {
  let size = OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers ?? []) size += name.length + text.length + 8;
  return size;
}
