import type {
  KafkaAdmin,
  KafkaClientOptions,
  KafkaConsumer,
  KafkaModule,
  TopicMetadata,
} from "../../kafka/driver.ts";
import { sourceError } from "../../kafka/errors.ts";
import { sleep, untilAborted, waitAtMost } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError } from "../../model/errors.ts";
import { createCommitter } from "./committer.ts";
import { createDecoder, type Decoder } from "./decode.ts";
import { createGate, type Gate } from "./gate.ts";
import { lagOf, watchEnds } from "./lag.ts";
import type { ResolvedOptions } from "./options.ts";
import { startReading } from "./reader.ts";
import { findStarts } from "./start.ts";
import { findTopics } from "./topics.ts";

/** Milliseconds between two looks for topics that are named and not there. */
const LOOK_FOR_MISSING = 2_000;
/** Longest time that what is being emitted may take in the end, and leaving the group. */
const PATIENCE = 5_000;

interface Session {
  readonly context: InputContext;
  readonly options: ResolvedOptions;
  readonly admin: KafkaAdmin;
  /** The member: joins, keeps its heartbeat, commits. */
  readonly group: KafkaConsumer;
  /** Fetches. Its connections are its own, so that a fetch that waits holds up no heartbeat. */
  readonly reader: KafkaConsumer;
  readonly decoder: Decoder;
  /** Up to where the journal has each partition, by topic's UUID and number. */
  readonly done: Map<string, bigint>;
  /** Aborts when this session is over: stopped, or failed. */
  readonly over: AbortSignal;
  readonly fail: (error: unknown) => void;
}

/**
 * Reads as a member of the group until the context's signal aborts.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE if the brokers cannot be reached any more, and what `emit` throws.
 */
export async function consume(
  context: InputContext,
  options: ResolvedOptions,
  kafka: KafkaModule,
  client: KafkaClientOptions,
): Promise<void> {
  const failure = new AbortController();
  let error: unknown;
  const fail = (thrown: unknown): void => {
    error ??= thrown;
    failure.abort();
  };
  const sessionTimeout = parseDuration(options.sessionTimeout);
  const rebalanceTimeout = Math.max(60_000, sessionTimeout);
  const member = { ...client, groupId: options.group, autocommit: false } as const;
  const admin = new kafka.Admin(client);
  const reader = new kafka.Consumer(member);
  const group = new kafka.Consumer({
    ...member,
    sessionTimeout,
    rebalanceTimeout,
    heartbeatInterval: Math.min(1_000, Math.floor(sessionTimeout / 3)),
    // To join may take as long as the slowest member does.
    requestTimeout: rebalanceTimeout + 5_000,
  });
  for (const one of [admin, reader, group]) one.on("error", fail);
  group.on("consumer:heartbeat:stalled", () => fail(new Error("the group's coordinator does not answer")));

  const over = AbortSignal.any([context.signal, failure.signal]);
  const decoder = createDecoder(options);
  const session: Session = { context, options, admin, group, reader, decoder, done: new Map(), over, fail };
  const running = run(session).catch(fail);
  await Promise.race([running, untilAborted(over)]);
  // What is being emitted is still committed, and the others need not wait for a member that is gone.
  failure.abort();
  await waitAtMost(context.clock, PATIENCE, running);
  const closing = Promise.allSettled([group.close(true), reader.close(), admin.close()]);
  await waitAtMost(context.clock, PATIENCE, closing);
  if (error === undefined) return;
  throw isSluiceError(error) ? error : sourceError(error, "cannot read from", options.brokers);
}

async function run(session: Session): Promise<void> {
  const { context, group, over } = session;
  const turns = watchTurns(group, over);
  const found = await untilTopics(session);
  if (over.aborted) return;
  const known = await subscribe(session, found);
  const discovering = discover(session, known);
  discovering.catch(session.fail);
  while (!over.aborted) {
    const stop = turns.begin();
    const isMember = group.isActive();
    if (isMember) await takeTurn(session, stop);
    // A turn that ended by itself has lost its place in a partition: the next one looks where to go on.
    if (!isMember || stop.aborted) await turns.next();
  }
  await discovering;
  context.log.debug({ input: context.name }, "no longer a member of the group");
}

interface Turns {
  /** A turn ends when the group is dealt out anew, and when the next one begins. */
  begin(): AbortSignal;
  /** Resolves when partitions were dealt out since the turn began. */
  next(): Promise<void>;
}

function watchTurns(group: KafkaConsumer, over: AbortSignal): Turns {
  const gate: Gate = createGate(over);
  let turn = new AbortController();
  group.on("consumer:group:rebalance", () => turn.abort());
  group.on("consumer:group:join", () => {
    turn.abort();
    gate.open();
  });
  return {
    begin() {
      gate.close();
      turn.abort();
      turn = new AbortController();
      return AbortSignal.any([over, turn.signal]);
    },
    next: () => gate.passed(),
  };
}

/** Reads what this member was dealt, until that changes, or an offset of it is out of range. */
async function takeTurn(session: Session, stop: AbortSignal): Promise<void> {
  const { context, options, group, reader, decoder, done, fail } = session;
  const assigned = (group.assignments ?? []).filter(({ partitions }) => partitions.length > 0);
  const { id: clusterId, topics } = await reader.metadata({
    topics: assigned.map(({ topic }) => topic),
    forceUpdate: true,
  });
  const starts = await findStarts(group, reader, {
    assigned,
    topics,
    from: (await hasStarted(session)) ? "earliest" : options.from,
    done: (topicId, partition) => done.get(`${topicId}/${partition}`),
    log: context.log,
    input: context.name,
  });
  if (stop.aborted) return;
  const reading = startReading({
    reader,
    starts,
    batchSize: options.batchSize,
    context,
    decoder,
    clusterId,
    stop,
    onProgress() {
      committer.touch();
      context.report({ lag: lagOf(reading.partitions) });
    },
  });
  const committer = createCommitter(group, reading.partitions, context.clock, fail);
  try {
    // Where a group begins is committed, too: `latest` must not be another place after a crash.
    await committer.flush();
    await noteStarted(session);
    context.ready();
    context.report({ lag: lagOf(reading.partitions) });
    void watchEnds(context, reader, reading.partitions, stop);
    context.log.info({ input: context.name, partitions: starts.length }, "reading its partitions");
    await reading.ended;
  } finally {
    for (const { start, done: reached } of reading.partitions) {
      done.set(`${start.topicId}/${start.partition}`, reached);
    }
    if (context.signal.aborted) await committer.flush().catch(() => undefined);
    committer.close();
  }
}

/** Whether this input has read by this group before: what has no offset since is new, or its offset was lost. */
async function hasStarted({ context, options }: Session): Promise<boolean> {
  return (await context.state.get(`started:${options.group}`)) !== undefined;
}

async function noteStarted(session: Session): Promise<void> {
  if (await hasStarted(session)) return;
  await session.context.state.put(`started:${session.options.group}`, true);
}

async function untilTopics({ context, options, admin, over }: Session): Promise<readonly string[]> {
  let isTold = false;
  while (!over.aborted) {
    const { names, missing } = await findTopics(admin, options.topics);
    if (names.length > 0 && (missing.length === 0 || isTold)) return names;
    const fields = { input: context.name, missing };
    if (!isTold) context.log.warn(fields, "topics are not there yet; they are read once they are");
    isTold = true;
    if (names.length > 0) return names;
    context.ready();
    await sleep(context.clock, LOOK_FOR_MISSING, over);
  }
  return [];
}

/** Joins the group for these topics, and answers how many partitions each has. */
async function subscribe({ group }: Session, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  group.topics.trackAll(...names);
  const { topics } = await group.metadata({ topics: [...names], forceUpdate: true });
  await group.joinGroup({});
  return partitionCounts(topics);
}

/** Joins anew when topics or partitions have come, or topics have gone. */
async function discover(session: Session, subscribed: ReadonlyMap<string, number>): Promise<void> {
  const { context, options, admin, group, over } = session;
  const every = parseDuration(options.discoverEvery);
  let known = subscribed;
  let isComplete = false;
  while (!over.aborted) {
    await sleep(context.clock, isComplete ? every : Math.min(every, LOOK_FOR_MISSING), over);
    if (over.aborted) return;
    const { names, missing } = await findTopics(admin, options.topics);
    isComplete = missing.length === 0;
    if (names.length === 0) continue;
    const counts = partitionCounts((await admin.metadata({ topics: [...names], forceUpdate: true })).topics);
    if (over.aborted) return;
    if (counts.size === known.size && [...counts].every(([name, count]) => known.get(name) === count))
      continue;
    group.topics.untrackAll(...known.keys());
    known = await subscribe(session, names);
  }
}

function partitionCounts(topics: ReadonlyMap<string, TopicMetadata>): ReadonlyMap<string, number> {
  return new Map([...topics].map(([name, { partitionsCount }]) => [name, partitionsCount]));
}
