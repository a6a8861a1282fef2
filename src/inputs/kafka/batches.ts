import type { FetchedPartition, RecordsBatch } from "../../kafka/driver.ts";
import type { Message } from "./decode.ts";

/** Messages that follow each other in a partition, and where the next ones begin. */
export interface Chunk {
  readonly messages: readonly Message[];
  readonly next: bigint;
  readonly leaderEpoch: number;
}

/** Bits of a batch's attributes (https://kafka.apache.org/documentation/#recordbatch). */
const LOG_APPEND_TIME = 0b00_1000;
const TRANSACTIONAL = 0b01_0000;
const CONTROL = 0b10_0000;

/**
 * What a partition's answer has from `position` on, in chunks of `size` messages at most. Left out are the broker's own
 * markers, and what transactions wrote that were aborted; the last chunk ends where the next answer begins, even if
 * nothing is left of it.
 */
export function chunksOf(
  topic: string,
  fetched: FetchedPartition,
  position: bigint,
  size: number,
): readonly Chunk[] {
  const batches = fetched.records ?? [];
  const last = batches.at(-1);
  if (last === undefined) return [];
  const messages = keptBatches(batches, fetched.abortedTransactions ?? []).flatMap((batch) =>
    messagesOf(topic, fetched.partitionIndex, batch, position),
  );
  const next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
  if (next <= position) return [];
  const leaderEpoch = last.partitionLeaderEpoch;
  const chunks: Chunk[] = [];
  for (let from = 0; from < messages.length; from += size) {
    const part = messages.slice(from, from + size);
    const end = (part.at(-1) as Message).offset + 1n;
    chunks.push({ messages: part, next: from + size < messages.length ? end : next, leaderEpoch });
  }
  return chunks.length === 0 ? [{ messages: [], next, leaderEpoch }] : chunks;
}

/**
 * Batches of messages that count. The broker lists which producers' transactions were aborted from which offset on;
 * each ends with that producer's marker.
 */
function keptBatches(
  batches: readonly RecordsBatch[],
  aborted: NonNullable<FetchedPartition["abortedTransactions"]>,
): readonly RecordsBatch[] {
  const begins = aborted.toSorted((a, b) => Number(a.firstOffset - b.firstOffset));
  const open = new Set<bigint>();
  const kept: RecordsBatch[] = [];
  for (const batch of batches) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (begins[0] !== undefined && begins[0].firstOffset <= end) {
      open.add(begins[0].producerId);
      begins.shift();
    }
    if ((batch.attributes & CONTROL) !== 0) open.delete(batch.producerId);
    else if ((batch.attributes & TRANSACTIONAL) === 0 || !open.has(batch.producerId)) kept.push(batch);
  }
  return kept;
}

/** A broker answers with whole batches: the first may begin before what was asked for. */
function messagesOf(
  topic: string,
  partition: number,
  batch: RecordsBatch,
  position: bigint,
): readonly Message[] {
  const { firstOffset, firstTimestamp, maxTimestamp, attributes } = batch;
  const isBrokersTime = (attributes & LOG_APPEND_TIME) !== 0;
  const messages: Message[] = [];
  for (const record of batch.records) {
    const offset = firstOffset + BigInt(record.offsetDelta);
    if (offset < position) continue;
    const timestamp = isBrokersTime ? maxTimestamp : firstTimestamp + record.timestampDelta;
    messages.push({ topic, partition, offset, timestamp, record });
  }
  return messages;
}
