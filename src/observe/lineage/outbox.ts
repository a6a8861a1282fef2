import { sleep, waitAtMost, type Clock } from "../../model/clock.ts";
import { toErrorRecord } from "../../model/errors.ts";
import type { Logger } from "../../model/logger.ts";
import type { RunEvent } from "./run-event.ts";

/** Where events go. Answers those that are to be tried again, in their order, and why; throws nothing. */
export interface Transport {
  send(events: readonly RunEvent[], signal: AbortSignal): Promise<Sent>;
  close(): void;
}

export interface Sent {
  readonly again: readonly RunEvent[];
  /** Refused for good. */
  readonly refused: number;
  readonly error?: unknown;
}

/** Events that wait to be sent, at most. */
const WAITING = 1_000;
const BATCH = 100;
const BACK_OFF = { initial: 1_000, max: 60_000 };
/** Between two complaints of the same kind. */
const COMPLAINT_INTERVAL = 60_000;
/** How long what waits may hold up the end. */
const LAST_MOMENT = 5_000;

/**
 * Sends events in the background. Lineage never holds up the pipeline: while the receiver is away events wait, a
 * thousand at most; what comes beyond that is dropped, counted and complained of.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ended = new AbortController();
  /** Ends a back-off early: there is no more time. */
  readonly #closing = new AbortController();
  #waiting: RunEvent[] = [];
  #sending: Promise<void> | undefined;
  #lost = 0;
  #complainedAt = Number.NEGATIVE_INFINITY;
  #isTroubled = false;

  constructor(transport: Transport, clock: Clock, logger: Logger) {
    this.#transport = transport;
    this.#clock = clock;
    this.#logger = logger;
  }

  add(event: RunEvent): void {
    if (this.#closing.signal.aborted) return;
    if (this.#waiting.length >= WAITING) this.#lose(1, undefined);
    else this.#waiting.push(event);
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
  }

  /** Sends what waits, for a few seconds at most. */
  async close(): Promise<void> {
    this.#closing.abort();
    await waitAtMost(this.#clock, LAST_MOMENT, this.#sending ?? Promise.resolve());
    this.#ended.abort();
    await this.#sending;
    const left = this.#waiting.length + this.#lost;
    if (left > 0) this.#logger.error({ lost: left }, `lineage: ${left} events were never sent`);
    this.#transport.close();
  }

  async #send(): Promise<void> {
    // What comes up in the same turn goes together.
    await Promise.resolve();
    for (let failures = 0; this.#waiting.length > 0 && !this.#ended.signal.aborted;) {
      const batch = this.#waiting.splice(0, BATCH);
      const { again, refused, error } = await this.#transport.send(batch, this.#ended.signal);
      this.#waiting.unshift(...again);
      if (refused > 0) this.#lose(refused, error);
      if (again.length === 0) {
        if (this.#isTroubled) this.#logger.info({}, "lineage: events are taken again");
        this.#isTroubled = false;
        failures = 0;
        continue;
      }
      // One more try at the end, and no more.
      if (this.#closing.signal.aborted && failures > 0) return;
      this.#tellTrouble(error);
      const delay = Math.min(BACK_OFF.max, BACK_OFF.initial * 2 ** failures);
      failures += 1;
      await sleep(this.#clock, delay, this.#closing.signal);
    }
  }

  #tellTrouble(error: unknown): void {
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    const { code, message } = toErrorRecord(error);
    this.#logger.warn({ code }, `lineage: events cannot be sent, and are kept for now: ${message}`);
  }

  #lose(count: number, error: unknown): void {
    this.#lost += count;
    const now = this.#clock.monotonic();
    if (now - this.#complainedAt < COMPLAINT_INTERVAL) return;
    this.#complainedAt = now;
    const why =
      error === undefined ? `${WAITING} wait already` : `they were refused: ${toErrorRecord(error).message}`;
    this.#logger.error({ lost: this.#lost }, `lineage: ${this.#lost} events were dropped; ${why}`);
    this.#lost = 0;
  }
}
