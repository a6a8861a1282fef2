import { sleep, type Clock } from "../model/clock.ts";
import { isSluiceError, toErrorRecord } from "../model/errors.ts";
import type { Random } from "../model/uid.ts";
import type { CommitResult, LogLine, Settle, Work } from "../journal/work.ts";
import type { ErrorStream } from "./error-stream.ts";
import { backOff } from "./retry-policy.ts";

/** Told what became of an outcome, once it is durable. */
export interface SettleListener<Token> {
  settled(token: Token, settle: Settle, result: "settled" | "stale"): void;
}

/** Outcomes that were handed in between two cuts. */
interface Generation {
  pending: number;
}

interface Batch {
  readonly generation: Generation;
  settles: Settle[];
  /** Who hears of each settle, and what of. */
  listeners: SettleListener<unknown>[];
  tokens: unknown[];
  logs: LogLine[];
}

const AGAIN = { initial: 50, max: 5_000, factor: 2 };

/**
 * Writes outcomes and log lines to the journal: all that came up in one turn of the event loop in one commit.
 * An outcome that the journal cannot take now is not lost: it is written again until it can.
 */
export class Settler {
  readonly #work: Work;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #errors: ErrorStream;
  #generation: Generation = { pending: 0 };
  #batch: Batch = emptyBatch(this.#generation);
  #scheduled = false;
  #pending = 0;
  #drained: (() => void)[] = [];
  readonly #draining = new AbortController();
  #closed = false;

  constructor(options: { work: Work; clock: Clock; random: Random; errors: ErrorStream }) {
    this.#work = options.work;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#errors = options.errors;
  }

  /** Outcomes that are not durable yet. */
  get pending(): number {
    return this.#pending;
  }

  settle<Token>(settle: Settle, listener: SettleListener<Token>, token: Token): void {
    this.#pending += 1;
    this.#batch.generation.pending += 1;
    this.#batch.settles.push(settle);
    this.#batch.listeners.push(listener);
    this.#batch.tokens.push(token);
    this.#schedule();
  }

  log(line: LogLine): void {
    this.#batch.logs.push(line);
    this.#schedule();
  }

  /** Resolves when everything that was handed in is durable, or was given up. What backs off is tried at once. */
  async drain(): Promise<void> {
    this.#draining.abort();
    while (!this.#closed && (this.#pending > 0 || this.#scheduled)) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
  }

  /** Resolves when everything that was handed in before the call is durable, or was given up. */
  async cut(): Promise<void> {
    const before = this.#generation;
    this.#generation = { pending: 0 };
    while (!this.#closed && before.pending > 0) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
  }

  /** Gives up what is not durable: those runs are due again when the journal is opened next. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = emptyBatch(this.#generation);
    this.#scheduled = false;
    await this.#write(batch);
    this.#wake();
  }

  async #write(batch: Batch): Promise<void> {
    const { settles, logs } = batch;
    for (let failures = 1; !this.#closed; failures += 1) {
      try {
        const result = await this.#work.commit(
          logs.length === 0 ? { settle: settles } : { settle: settles, logs },
        );
        return this.#written(batch, result.settle);
      } catch (error) {
        if (isSluiceError(error, "JOURNAL_CLOSED")) break;
        if (!isPassing(error)) return this.#writeEach(batch, error);
        this.#errors.reportThrown(error, "JOURNAL_IO", `${settles.length} outcomes cannot be journalled yet`);
        await this.#backOff(failures);
      }
    }
    this.#end(batch, settles.length);
  }

  #end({ generation }: Batch, count: number): void {
    this.#pending -= count;
    generation.pending -= count;
  }

  #backOff(failures: number): Promise<void> {
    const { signal } = this.#draining;
    if (signal.aborted) return sleep(this.#clock, AGAIN.initial);
    return sleep(this.#clock, backOff(AGAIN, failures) * (0.5 + this.#random() / 2), signal);
  }

  #written(batch: Batch, results: CommitResult["settle"]): void {
    const { settles, listeners, tokens } = batch;
    this.#end(batch, settles.length);
    for (let i = 0; i < settles.length; i += 1) {
      listeners[i]?.settled(tokens[i], settles[i] as Settle, results[i] as "settled" | "stale");
    }
  }

  /** Something is refused for what it is: find it, and make its run dead rather than lose the others. */
  async #writeEach(batch: Batch, error: unknown): Promise<void> {
    const { generation, settles, listeners, tokens, logs } = batch;
    if (logs.length > 0) {
      await this.#writeLogs(logs);
      return this.#write({ ...batch, logs: [] });
    }
    if (settles.length > 1) {
      for (const [i, settle] of settles.entries()) {
        const listener = listeners[i] as SettleListener<unknown>;
        const one = { settles: [settle], listeners: [listener], tokens: [tokens[i]], logs: [] };
        await this.#write({ generation, ...one });
      }
      return;
    }
    const [settle] = settles;
    if (settle === undefined) return;
    const [listener] = listeners;
    const what = `the outcome of a run of "${settle.claim.process}" was refused`;
    this.#errors.reportThrown(error, "RUN_FAILED", what);
    if (settle.outcome.type === "dead") {
      this.#end(batch, 1);
      listener?.settled(tokens[0], settle, "stale");
      return;
    }
    const { emitted: _refused, ...rest } = settle;
    const dead: Settle = { ...rest, outcome: { type: "dead", error: toErrorRecord(error) } };
    await this.#write({ generation, settles: [dead], listeners, tokens, logs: [] });
  }

  async #writeLogs(logs: readonly LogLine[]): Promise<void> {
    try {
      await this.#work.commit({ logs });
    } catch (error) {
      this.#errors.reportThrown(error, "JOURNAL_IO", `${logs.length} lines of runs' logs could not be kept`);
    }
  }

  #wake(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}

function emptyBatch(generation: Generation): Batch {
  return { generation, settles: [], listeners: [], tokens: [], logs: [] };
}

/** Whether an error of the journal passes by itself, or by an operator's hand. */
function isPassing(error: unknown): boolean {
  return (
    isSluiceError(error, "JOURNAL_FULL") ||
    isSluiceError(error, "JOURNAL_IO") ||
    isSluiceError(error, "JOURNAL_BACKLOG")
  );
}
