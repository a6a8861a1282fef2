import type { FetchedPartition, KafkaConsumer } from "../../kafka/driver.ts";
import { kafkaErrorNames } from "../../kafka/errors.ts";
import { untilAborted } from "../../model/clock.ts";
import { createGate, type Gate } from "./gate.ts";
import { chunksOf } from "./batches.ts";
import { createPartition, type Emitting, type Partition } from "./partition.ts";
import type { Start } from "./start.ts";

/** Bytes of one partition, and of all, in one answer. A larger message comes all the same, by itself. */
const PARTITION_BYTES = 1_048_576;
const ANSWER_BYTES = 16 * PARTITION_BYTES;
/** Milliseconds that a broker may wait for messages; less if a partition is left out that may have room before. */
const LONG_WAIT = 500;
const SHORT_WAIT = 20;

export interface ReadingOptions extends Omit<Emitting, "onProgress" | "onError"> {
  readonly reader: KafkaConsumer;
  readonly starts: readonly Start[];
  readonly batchSize: number;
  readonly onProgress: () => void;
}

/** What one assignment of the group reads, until `stop` aborts. */
export interface Reading {
  readonly partitions: readonly Partition[];
  /**
   * Resolves once `stop` has aborted, nothing is being emitted any more and no answer is on its way; or if an offset is
   * out of its partition's range, which is for a new start to mend. Rejects with what went wrong.
   */
  readonly ended: Promise<void>;
}

/** Fetches from every leader at once; what comes goes through {@link createPartition}. */
export function startReading(options: ReadingOptions): Reading {
  const { starts, stop, onProgress } = options;
  const failure = new AbortController();
  const over = AbortSignal.any([stop, failure.signal]);
  const gate = createGate(over);
  let error: unknown;
  const fail = (thrown: unknown): void => {
    error ??= thrown;
    failure.abort();
  };
  const partitions = starts.map((start) =>
    createPartition(start, {
      ...options,
      stop: over,
      onError: fail,
      onProgress() {
        gate.open();
        onProgress();
      },
    }),
  );
  const byLeader = Map.groupBy(partitions, ({ start }) => start.leader);
  const fetches = [...byLeader].map(([node, led]) => fetchFrom(node, led, options, over, gate).catch(fail));

  async function untilEnded(): Promise<void> {
    // A member that was dealt nothing waits for its turn to end, as others do.
    if (fetches.length === 0) await untilAborted(stop);
    await Promise.all(fetches);
    failure.abort();
    await Promise.all(partitions.map((partition) => partition.settled()));
    if (error !== undefined && !isOutOfRange(error)) throw error as Error;
  }
  const ended = untilEnded();
  // It may fail before anyone waits for it.
  ended.catch(() => undefined);
  return { partitions, ended };
}

async function fetchFrom(
  node: number,
  partitions: readonly Partition[],
  { reader, batchSize }: ReadingOptions,
  over: AbortSignal,
  gate: Gate,
): Promise<void> {
  const byPlace = new Map(partitions.map((partition) => [placeOf(partition), partition]));
  while (!over.aborted) {
    gate.close();
    const open = partitions.filter((partition) => partition.hasRoom());
    if (open.length === 0) {
      await gate.passed();
      continue;
    }
    const { responses } = await reader.fetch({
      node,
      topics: requestFor(open),
      maxBytes: ANSWER_BYTES,
      maxWaitTime: open.length === partitions.length ? LONG_WAIT : SHORT_WAIT,
      isolationLevel: 1,
    });
    if (over.aborted) return;
    const asked = new Map(open.map((partition) => [partition, partition.position]));
    for (const { topicId, partitions: fetched } of responses) {
      for (const part of fetched)
        deliver(byPlace.get(`${topicId}/${part.partitionIndex}`), part, asked, batchSize);
    }
  }
}

/** A broker may answer with partitions that were not asked for: what it has of them is stale. */
function deliver(
  partition: Partition | undefined,
  fetched: FetchedPartition,
  asked: ReadonlyMap<Partition, bigint>,
  batchSize: number,
): void {
  const position = partition && asked.get(partition);
  if (partition === undefined || position === undefined) return;
  partition.take(chunksOf(partition.start.topic, fetched, position, batchSize), fetched.highWatermark);
}

function requestFor(partitions: readonly Partition[]): Parameters<KafkaConsumer["fetch"]>[0]["topics"] {
  const byTopic = Map.groupBy(partitions, ({ start }) => start.topicId);
  return [...byTopic].map(([topicId, ofTopic]) => ({
    topicId,
    partitions: ofTopic.map(({ start, position }) => ({
      partition: start.partition,
      currentLeaderEpoch: -1,
      fetchOffset: position,
      lastFetchedEpoch: -1,
      partitionMaxBytes: PARTITION_BYTES,
    })),
  }));
}

function placeOf({ start }: Partition): string {
  return `${start.topicId}/${start.partition}`;
}

function isOutOfRange(error: unknown): boolean {
  return kafkaErrorNames(error).has("OFFSET_OUT_OF_RANGE");
}
