import { changeIds } from "./identity.ts";
import type { Change } from "./changes.ts";
import { createDecoder } from "./pgoutput.ts";
import type { Stream, StreamListener } from "./stream.ts";

/** Most bytes that wait here: beyond them the server is not read from, and waits itself. */
const MOST_BYTES = 16 * 1_024 * 1_024;

export interface Batch {
  readonly changes: readonly Change[];
  /** Everything up to here is in this batch, or was in those before; `undefined` if no transaction ends in it. */
  readonly position: bigint | undefined;
}

interface Item {
  readonly change?: Change;
  readonly position?: bigint;
  readonly bytes: number;
}

/** What has come from the stream, bounded in bytes, until it is taken. */
export interface ChangeQueue extends StreamListener {
  readonly isEmpty: boolean;
  attach(stream: Stream): void;
  take(most: number): Batch;
  /** Called when something comes. */
  onArrival: () => void;
}

export function createChangeQueue(origin: string): ChangeQueue {
  const decode = createDecoder();
  let items: Item[] = [];
  let head = 0;
  let bytes = 0;
  let stream: Stream | undefined;
  let isPaused = false;
  let cause: string | null = null;
  let place = 0;
  let isInTransaction = false;
  let idOf = changeIds(origin, { position: 0n, time: 0n, transaction: 0 });

  function add(item: Item): void {
    items.push(item);
    bytes += item.bytes;
    if (bytes > MOST_BYTES && !isPaused) {
      isPaused = true;
      stream?.pause();
    }
  }
  function addChange(message: Change["message"], size: number): void {
    add({ change: { uid: idOf(place), cause, message }, bytes: size });
    place += 1;
  }

  const queue: ChangeQueue = {
    onArrival: () => undefined,
    get isEmpty() {
      return head === items.length;
    },
    attach(attached) {
      stream = attached;
    },
    data(chunk) {
      const message = decode(chunk);
      if (message.kind === "begin") {
        idOf = changeIds(origin, message);
        place = 0;
        cause = null;
        isInTransaction = true;
      } else if (message.kind === "commit") {
        isInTransaction = false;
        add({ position: message.end, bytes: 0 });
      } else if (message.kind === "message") {
        if (message.prefix === "sluice.cause" && isInTransaction) cause = message.text.slice(0, 200);
      } else if (message.kind === "change") addChange(message, chunk.length * 3);
      else if (message.kind === "truncate") {
        for (const relation of message.relations)
          addChange({ ...message, relations: [relation] }, chunk.length);
      }
      queue.onArrival();
    },
    keepalive(position) {
      // Within a transaction that is being sent, its beginning has been read, but not its end.
      if (!isInTransaction) add({ position, bytes: 0 });
      queue.onArrival();
    },
    take(most) {
      const changes: Change[] = [];
      let position: bigint | undefined;
      let size = 0;
      while (head < items.length && changes.length < most && size < MOST_BYTES / 2) {
        const item = items[head] as Item;
        head += 1;
        size += item.bytes;
        if (item.change !== undefined) changes.push(item.change);
        if (item.position !== undefined) position = item.position;
      }
      bytes -= size;
      if (head === items.length || head > 50_000) {
        items = items.slice(head);
        head = 0;
      }
      if (isPaused && bytes < MOST_BYTES / 2) {
        isPaused = false;
        stream?.resume();
      }
      return { changes, position };
    },
  };
  return queue;
}
