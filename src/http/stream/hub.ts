import { randomBytes } from "node:crypto";
import { SluiceError } from "../../model/errors.ts";
import type { ApiPipeline } from "../pipeline.ts";
import { Backlog, encode, HEARTBEAT } from "./backlog.ts";
import { Collector, type Send } from "./collector.ts";

/** Milliseconds between messages that gather what happened. */
export const INTERVAL = 250;
const TICKS_PER_ROWS = 4;
const TICKS_PER_HEARTBEAT = 60;
/** How many ticks it goes on without a client, so that one that comes back misses nothing: a minute. */
const LINGERING_TICKS = 240;
const LARGEST_AUDIENCE = 100;
/** Bytes that a client may leave unread before it misses messages. */
const UNREAD = 262_144;

export interface StreamClock {
  now(): number;
  /** Answers what ends it. */
  every(milliseconds: number, tick: () => void): () => void;
}

const systemStreamClock: StreamClock = {
  now: () => Date.now(),
  every(milliseconds, tick) {
    const timer = setInterval(tick, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  missed: boolean;
}

function newBacklog(): Backlog {
  return new Backlog(randomBytes(6).toString("hex"));
}

export interface StreamHubOptions {
  readonly redact?: (text: string) => string;
  readonly clock?: StreamClock;
}

/**
 * The live stream of one pipeline. It listens to the engine only while somebody listens to it, and for a minute after;
 * what many clients get is made once.
 */
export class StreamHub {
  readonly #pipeline: ApiPipeline;
  readonly #clock: StreamClock;
  #backlog = newBacklog();
  readonly #collector: Collector;
  readonly #clients = new Set<Client>();
  #stopTicking: (() => void) | undefined;
  #ticks = 0;
  #aloneSince = 0;
  #rows = "";
  #isReadingRows = false;
  #isClosed = false;

  constructor(pipeline: ApiPipeline, options: StreamHubOptions = {}) {
    const { redact = (text) => text, clock = systemStreamClock } = options;
    this.#pipeline = pipeline;
    this.#clock = clock;
    this.#collector = new Collector({
      pipeline: pipeline.name,
      now: () => clock.now(),
      redact,
      send: this.#send,
    });
  }

  /**
   * A new client's messages, from the one with `lastId` on, if that is still known.
   *
   * @throws SluiceError TOO_MANY_STREAMS, SHUTDOWN
   */
  connect(lastId: string | null): ReadableStream<Uint8Array> {
    if (this.#isClosed) throw new SluiceError("SHUTDOWN", "the server is stopping");
    if (this.#clients.size >= LARGEST_AUDIENCE) {
      throw new SluiceError(
        "TOO_MANY_STREAMS",
        `${LARGEST_AUDIENCE} clients read the stream already; close one, or come back later`,
      );
    }
    this.#listen();
    let client: Client;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          client = { controller, missed: false };
          this.#clients.add(client);
          const missed = lastId === null ? undefined : this.#backlog.after(lastId);
          controller.enqueue(this.#hello(missed !== undefined, missed === undefined ? null : lastId));
          for (const { bytes } of missed ?? []) controller.enqueue(bytes);
          if (missed === undefined) this.#rows = "";
        },
        cancel: () => this.#leave(client),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNREAD }),
    );
  }

  /** Ends all streams, and listens no more. */
  close(): void {
    this.#isClosed = true;
    for (const { controller } of this.#clients) controller.close();
    this.#clients.clear();
    this.#rest();
  }

  #listen(): void {
    if (this.#stopTicking !== undefined) return;
    this.#collector.start();
    this.#ticks = 0;
    this.#stopTicking = this.#clock.every(INTERVAL, () => this.#tick());
  }

  #rest(): void {
    if (this.#stopTicking === undefined) return;
    this.#stopTicking();
    this.#stopTicking = undefined;
    this.#collector.stop();
    // From now on messages are missing: nobody may go on from the old ones.
    this.#backlog = newBacklog();
  }

  #leave(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#aloneSince = this.#ticks;
  }

  #tick(): void {
    this.#ticks += 1;
    this.#collector.flush();
    if (this.#clients.size === 0) {
      if (this.#ticks - this.#aloneSince >= LINGERING_TICKS) this.#rest();
      return;
    }
    if (this.#ticks % TICKS_PER_ROWS === 1) void this.#sendRows();
    if (this.#ticks % TICKS_PER_HEARTBEAT === 0) {
      for (const client of this.#clients) this.#write(client, HEARTBEAT);
    }
  }

  readonly #send: Send = (name, data) => {
    const { bytes } = this.#backlog.append(name, data);
    for (const client of this.#clients) this.#write(client, bytes);
  };

  /** A client that is too slow misses messages rather than fill the memory. */
  #write(client: Client, bytes: Uint8Array): void {
    const room = client.controller.desiredSize ?? 0;
    if (room <= 0) {
      client.missed = true;
      return;
    }
    if (client.missed) {
      if (room < UNREAD / 2) return;
      client.missed = false;
      client.controller.enqueue(this.#hello(false, null));
      this.#rows = "";
    }
    client.controller.enqueue(bytes);
  }

  async #sendRows(): Promise<void> {
    if (this.#isReadingRows) return;
    this.#isReadingRows = true;
    try {
      const processes = await this.#pipeline.processes();
      const rows = {
        state: this.#pipeline.state,
        openRuns: this.#pipeline.journal.openRuns(),
        healthy: this.#pipeline.journal.health().ok,
        inputs: this.#pipeline.inputs(),
        processes,
      };
      const text = JSON.stringify(rows);
      if (text === this.#rows || this.#clients.size === 0) return;
      this.#rows = text;
      this.#send("rows", rows);
    } catch {
      // The pipeline is stopping, or its journal cannot be read: both are told in other ways.
    } finally {
      this.#isReadingRows = false;
    }
  }

  /** Carries the id that the client is at, so that one which is cut off now comes back to the right place. */
  #hello(resumed: boolean, id: string | null): Uint8Array {
    const { name, state } = this.#pipeline;
    const hello = { pipeline: name, state, interval: INTERVAL, resumed };
    return encode("hello", hello, id ?? this.#backlog.lastId);
  }
}
