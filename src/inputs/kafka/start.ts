import type { KafkaConsumer, OffsetTable, TopicMetadata } from "../../kafka/driver.ts";
import type { Logger } from "../../model/logger.ts";

/** A partition that this member reads, and where it begins. */
export interface Start {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leader: number;
  readonly offset: bigint;
  /** The offset that its next message will have. */
  readonly end: bigint;
  /** What the group has of it; `undefined` if nothing. */
  readonly committed: bigint | undefined;
}

export interface StartOptions {
  readonly topics: ReadonlyMap<string, TopicMetadata>;
  readonly assigned: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  /** Where to begin without a committed offset. */
  readonly from: string;
  /** Up to where this member knows a partition to be in the journal, whether that was committed or not. */
  readonly done: (topicId: string, partition: number) => bigint | undefined;
  readonly log: Logger;
  readonly input: string;
}

/** Kafka's names of the two ends (ListOffsets, timestamp). */
const LATEST = -1n;
const EARLIEST = -2n;

/** Looks up where each assigned partition begins. */
export async function findStarts(
  group: KafkaConsumer,
  reader: KafkaConsumer,
  options: StartOptions,
): Promise<readonly Start[]> {
  const { assigned, topics } = options;
  if (assigned.length === 0) return [];
  const names = assigned.map(({ topic }) => topic);
  const timestamp = timestampOf(options.from);
  const [committed, earliest, latest, wanted] = await Promise.all([
    group.listCommittedOffsets({
      topics: assigned.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] })),
    }),
    reader.listOffsets({ topics: names, timestamp: EARLIEST }),
    reader.listOffsets({ topics: names, timestamp: LATEST }),
    timestamp === undefined ? undefined : reader.listOffsets({ topics: names, timestamp }),
  ]);
  const starts: Start[] = [];
  for (const { topic, partitions } of assigned) {
    const metadata = topics.get(topic);
    if (metadata === undefined) continue;
    for (const partition of partitions) {
      const at = (table: OffsetTable | undefined): bigint | undefined =>
        known(table?.get(topic)?.[partition]);
      const ends = { earliest: at(earliest) ?? 0n, latest: at(latest) ?? 0n };
      const before = largest(at(committed), options.done(metadata.id, partition));
      const { offset, lost } = chooseStart(before, ends, options.from, at(wanted));
      if (lost !== undefined) {
        const fields = {
          input: options.input,
          topic,
          partition,
          committed: String(before),
          offset: String(offset),
        };
        options.log.error(fields, lost);
      }
      const leader = metadata.partitions[partition]?.leader ?? -1;
      starts.push({
        topic,
        topicId: metadata.id,
        partition,
        leader,
        offset,
        end: ends.latest,
        committed: at(committed),
      });
    }
  }
  return starts;
}

export interface Ends {
  readonly earliest: bigint;
  /** Of the next message. */
  readonly latest: bigint;
}

/**
 * Where to begin, and what is to be said of it: an offset that the partition no longer has, or does not have yet, means
 * that it was cut or made anew, and that what is there must be read from its beginning.
 */
export function chooseStart(
  before: bigint | undefined,
  { earliest, latest }: Ends,
  from: string,
  wanted: bigint | undefined,
): { readonly offset: bigint; readonly lost?: string } {
  if (before === undefined) {
    if (from === "earliest") return { offset: earliest };
    return { offset: from === "latest" ? latest : (wanted ?? latest) };
  }
  if (before < earliest) {
    const lost = `${earliest - before} messages were deleted from the topic before they were read; keep them longer, or read faster`;
    return { offset: earliest, lost };
  }
  if (before > latest) {
    const lost =
      "the topic ends before the offset that was reached: it was cut or made anew; it is read from its beginning";
    return { offset: earliest, lost };
  }
  return { offset: before };
}

function timestampOf(from: string): bigint | undefined {
  return from === "earliest" || from === "latest" ? undefined : BigInt(Date.parse(from));
}

/** A negative offset stands for none. */
function known(offset: bigint | undefined): bigint | undefined {
  return offset === undefined || offset < 0n ? undefined : offset;
}

function largest(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined) return b;
  return b === undefined || a > b ? a : b;
}
