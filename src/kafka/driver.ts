import { SluiceError } from "../model/errors.ts";

/** The slice of `@platformatic/kafka` (2.12 or later) that is called; typed here so that our types compile without it. */
export interface KafkaModule {
  readonly Admin: new (options: KafkaClientOptions) => KafkaAdmin;
  readonly Consumer: new (options: KafkaConsumerOptions) => KafkaConsumer;
  readonly Producer: new (options: KafkaProducerOptions) => KafkaProducer;
}

export interface KafkaClientOptions {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
  /** Milliseconds that a request may take. */
  readonly requestTimeout?: number;
  readonly connectTimeout?: number;
  readonly retries?: number;
  readonly retryDelay?: number;
  readonly tls?: object;
  readonly sasl?: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string };
}

export type SaslMechanism = "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";

export interface KafkaConsumerOptions extends KafkaClientOptions {
  readonly groupId: string;
  readonly groupInstanceId?: string;
  readonly autocommit: false;
  readonly sessionTimeout?: number;
  readonly rebalanceTimeout?: number;
  readonly heartbeatInterval?: number;
}

export interface KafkaProducerOptions extends KafkaClientOptions {
  readonly idempotent: boolean;
  /** -1: every replica in sync has it. */
  readonly acks: -1;
}

interface KafkaClient {
  readonly closed: boolean;
  close(): Promise<void>;
  metadata(options: { readonly topics: string[]; readonly forceUpdate?: boolean }): Promise<ClusterMetadata>;
  on(event: string, listener: (payload?: unknown) => void): unknown;
}

export interface ClusterMetadata {
  /** The cluster's id: it stays the same, whatever its brokers are called. */
  readonly id: string;
  readonly topics: ReadonlyMap<string, TopicMetadata>;
}

export interface TopicMetadata {
  /** A UUID: a topic that is deleted and made anew has another. */
  readonly id: string;
  readonly partitionsCount: number;
  readonly partitions: readonly { readonly leader: number }[];
}

export interface KafkaAdmin extends KafkaClient {
  listTopics(options?: { readonly includeInternals?: boolean }): Promise<string[]>;
}

export interface GroupAssignment {
  readonly topic: string;
  readonly partitions: number[];
}

export interface OffsetCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
}

/** Offsets by topic, then by partition; there are holes where a partition was not asked for. */
export type OffsetTable = ReadonlyMap<string, readonly (bigint | undefined)[]>;

export interface KafkaConsumer extends KafkaClient {
  /** The topics that the group is told of when it is joined. */
  readonly topics: { trackAll(...topics: string[]): unknown; untrackAll(...topics: string[]): unknown };
  readonly assignments: readonly GroupAssignment[] | null;
  /** Whether it is a member of the group, and not just joining anew. */
  isActive(): boolean;
  joinGroup(options: object): Promise<string>;
  commit(options: { readonly offsets: OffsetCommit[] }): Promise<void>;
  listOffsets(options: { readonly topics: string[]; readonly timestamp: bigint }): Promise<OffsetTable>;
  listCommittedOffsets(options: { readonly topics: GroupAssignment[] }): Promise<OffsetTable>;
  fetch(options: FetchOptions): Promise<FetchResponse>;
  close(force?: boolean): Promise<void>;
}

export interface FetchOptions {
  readonly node: number;
  readonly topics: {
    readonly topicId: string;
    readonly partitions: {
      readonly partition: number;
      readonly currentLeaderEpoch: number;
      readonly fetchOffset: bigint;
      readonly lastFetchedEpoch: number;
      readonly partitionMaxBytes: number;
    }[];
  }[];
  readonly maxBytes: number;
  readonly maxWaitTime: number;
  /** Whole transactions only. */
  readonly isolationLevel: 1;
}

export interface FetchResponse {
  readonly responses: readonly {
    readonly topicId: string;
    readonly partitions: readonly FetchedPartition[];
  }[];
}

export interface FetchedPartition {
  readonly partitionIndex: number;
  readonly highWatermark: bigint;
  readonly abortedTransactions:
    | readonly { readonly producerId: bigint; readonly firstOffset: bigint }[]
    | null;
  readonly records?: readonly RecordsBatch[] | null;
}

export interface RecordsBatch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly partitionLeaderEpoch: number;
  readonly attributes: number;
  readonly firstTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly records: readonly KafkaRecord[];
}

export interface KafkaRecord {
  readonly timestampDelta: bigint;
  readonly offsetDelta: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

export interface KafkaProducer extends KafkaClient {
  send(options: { readonly messages: ProducedMessage[] }): Promise<unknown>;
}

export interface ProducedMessage {
  readonly topic: string;
  readonly key?: Buffer;
  readonly value?: Buffer;
  readonly headers?: Map<Buffer, Buffer>;
  readonly partition?: number;
}

let loaded: KafkaModule | undefined;

/**
 * Loads the optional peer `@platformatic/kafka`, once.
 *
 * @throws SluiceError MISSING_DEPENDENCY, saying what to install.
 */
export async function loadKafka(): Promise<KafkaModule> {
  if (loaded !== undefined) return loaded;
  try {
    loaded = (await import("@platformatic/kafka")) as unknown as KafkaModule;
    return loaded;
  } catch (cause) {
    throw new SluiceError(
      "MISSING_DEPENDENCY",
      'Kafka components need the package "@platformatic/kafka"; install it: npm install @platformatic/kafka',
      { cause },
    );
  }
}
