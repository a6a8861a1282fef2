import { hash } from "node:crypto";
import { sleep } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { isSluiceError } from "../../model/errors.ts";
import { placeUids, type PlaceUid } from "../../model/place-uid.ts";
import type { Chunk } from "./batches.ts";
import { nameOf, type Decoder, type Message } from "./decode.ts";
import type { Start } from "./start.ts";

/** Milliseconds between two tries to hand the journal what it had no room for. */
const PAUSE = 100;

/** What partitions of one reader have in common. */
export interface Emitting {
  readonly context: InputContext;
  readonly decoder: Decoder;
  readonly clusterId: string;
  /** Aborts when nothing more may be emitted. */
  readonly stop: AbortSignal;
  /** Called when the journal has more of it, and when there is room again. */
  readonly onProgress: () => void;
  readonly onError: (error: unknown) => void;
}

/** One partition: what was fetched of it goes into the journal in order, one commit at a time. */
export interface Partition {
  readonly start: Start;
  /** What is to be fetched next. */
  readonly position: bigint;
  /** Up to where the journal has everything. */
  readonly done: bigint;
  readonly leaderEpoch: number;
  /** Messages that the topic has beyond {@link done}, as of the last answer. */
  readonly lag: bigint;
  /** Whether more may be fetched: a chunk is emitted at most, another one waits. */
  hasRoom(): boolean;
  take(chunks: readonly Chunk[], end: bigint): void;
  /** Says where the partition ends. */
  noteEnd(end: bigint): void;
  /** Resolves when nothing of it is being emitted. */
  settled(): Promise<void>;
}

export function createPartition(start: Start, emitting: Emitting): Partition {
  const { stop, onProgress, onError } = emitting;
  const source = [emitting.context.name, emitting.clusterId, start.topicId, start.partition];
  const uidOf = placeUids(hash("sha256", source.join("\n")));
  const waiting: Chunk[] = [];
  let position = start.offset;
  let done = start.offset;
  let leaderEpoch = -1;
  let end = start.end;
  let running: Promise<void> | undefined;

  async function emitWaiting(): Promise<void> {
    for (let chunk = waiting[0]; chunk !== undefined && !stop.aborted; chunk = waiting[0]) {
      const isKept = await emitChunk(chunk.messages, emitting, uidOf);
      if (!isKept) return;
      waiting.shift();
      done = chunk.next;
      leaderEpoch = chunk.leaderEpoch;
      onProgress();
    }
  }

  return {
    start,
    get position() {
      return position;
    },
    get done() {
      return done;
    },
    get leaderEpoch() {
      return leaderEpoch;
    },
    get lag() {
      return end > done ? end - done : 0n;
    },
    hasRoom: () => waiting.length <= 1,
    noteEnd: (found) => void (end = found),
    take(chunks, found) {
      end = found;
      const last = chunks.at(-1);
      if (last === undefined || stop.aborted) return;
      waiting.push(...chunks);
      position = last.next;
      running ??= emitWaiting()
        .catch(onError)
        .finally(() => (running = undefined));
    },
    settled: () => running ?? Promise.resolve(),
  };
}

/** @returns whether the journal has them: it may have had no room until the input was stopped. */
async function emitChunk(
  messages: readonly Message[],
  emitting: Emitting,
  uidOf: PlaceUid,
): Promise<boolean> {
  const [first] = messages;
  if (first === undefined) return true;
  const { context, decoder } = emitting;
  const events = messages.map((message) => decoder.event(message, uidOf));
  try {
    return await untilRoom(first, emitting, () => context.emitAll(events));
  } catch (error) {
    if (isNoEvent(error)) return emitEach(messages, emitting, uidOf);
    throw error;
  }
}

/** One of them makes no event: the others are kept as they are, that one as bytes. */
async function emitEach(messages: readonly Message[], emitting: Emitting, uidOf: PlaceUid): Promise<boolean> {
  for (const message of messages) {
    const isKept = await untilRoom(message, emitting, () => emitOne(message, emitting, uidOf));
    if (!isKept) return false;
  }
  return true;
}

async function emitOne(message: Message, { context, decoder }: Emitting, uidOf: PlaceUid): Promise<void> {
  try {
    await context.emit(decoder.event(message, uidOf));
  } catch (error) {
    if (!isNoEvent(error)) throw error;
    await context.emit(decoder.refused(message, uidOf, error.message));
    context.log.warn({ input: context.name, code: error.code }, `${nameOf(message)}: ${error.message}`);
  }
}

/** Emits again and again until the journal has room. @returns whether it had before the input was stopped */
async function untilRoom(
  { topic, partition }: Message,
  { context, stop }: Emitting,
  emit: () => Promise<unknown>,
): Promise<boolean> {
  let isTold = false;
  while (!stop.aborted) {
    try {
      await emit();
      return true;
    } catch (error) {
      if (!isSluiceError(error, "JOURNAL_BACKLOG")) throw error;
      const text = `the partition waits for the journal: ${error.message}`;
      if (!isTold) context.log.warn({ input: context.name, code: error.code, topic, partition }, text);
      isTold = true;
      await sleep(context.clock, PAUSE, stop);
    }
  }
  return false;
}

function isNoEvent(error: unknown): error is Error & { code: string } {
  return isSluiceError(error, "INVALID_EVENT") || isSluiceError(error, "INVALID_OPERATION");
}
