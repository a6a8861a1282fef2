import type { DataLine } from "../../child/data-lines.ts";
import { sleep } from "../../model/clock.ts";
import type { InputContext, Receipt } from "../../model/component.ts";
import { isSluiceError, SluiceError, toErrorRecord, type ErrorRecord } from "../../model/errors.ts";
import type { EventInit } from "../../model/event.ts";
import { CURSOR } from "./cursor.ts";
import { formatAnswer, type Outcome, type ReadLine, type Said } from "./protocol.ts";

/** Most lines in one commit. */
const BATCH = 1_000;
/** So many lines refused in a row, and answered, are no mistakes in a few of them: the program is another one. */
const REFUSED_IN_A_ROW = 100;
/** Between two tries of lines that nobody could send again. */
const RETRY = { initial: 1_000, max: 30_000 };

export interface DeliveryOptions {
  readonly context: InputContext;
  readonly read: ReadLine;
  readonly acknowledge: boolean;
  readonly failsOnUndecodable: boolean;
  /** Resolves when there is room for more. */
  readonly answer: (text: string) => Promise<void>;
  readonly onRefused: (line: number, data: DataLine, error: ErrorRecord) => void;
}

interface Numbered {
  readonly line: number;
  readonly data: DataLine;
}

/** A line that says something, with its outcome once that is known. */
interface Item extends Numbered {
  readonly said: Said | undefined;
  outcome: Outcome;
}

/**
 * Takes lines to the journal, many in one commit and always in their order: while one commit runs nothing is read, and
 * what is printed meanwhile goes along with the next.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  #line = 0;
  #refusedInARow = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /**
   * Resolves when all of them are durable, or refused, and answered.
   *
   * @throws what the journal throws, INVALID_EVENT if the input fails on a line that is none, and INPUT_FAILED if none
   * of many is one
   */
  async deliver(lines: readonly DataLine[]): Promise<void> {
    for (let start = 0; start < lines.length; start += BATCH) {
      await this.#deliverBatch(lines.slice(start, start + BATCH));
    }
  }

  async #deliverBatch(lines: readonly DataLine[]): Promise<void> {
    const items: Item[] = [];
    for (const data of lines) {
      const item = this.#read({ line: ++this.#line, data });
      if (item === undefined) continue;
      items.push(item);
      if (item.said === undefined && this.#options.failsOnUndecodable) break;
    }
    await this.#keep(items.filter(({ said }) => said !== undefined));
    await this.#answer(items);
  }

  #read(numbered: Numbered): Item | undefined {
    try {
      const said = this.#options.read(numbered.data);
      return said && { ...numbered, said, outcome: undefined };
    } catch (error) {
      if (!isInvalid(error)) throw error;
      return { ...numbered, said: undefined, outcome: toErrorRecord(error) };
    }
  }

  async #keep(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    try {
      const receipts = await this.#commit(items);
      for (const [index, item] of items.filter(hasEvent).entries()) item.outcome = receipts[index];
    } catch (error) {
      if (!isInvalid(error)) throw error;
      await this.#keepOneByOne(items);
    }
  }

  /** One of them is no event, and the others are not to be refused for it. */
  async #keepOneByOne(items: readonly Item[]): Promise<void> {
    for (const item of items) {
      try {
        [item.outcome] = await this.#commit([item]);
      } catch (error) {
        if (!isInvalid(error)) throw error;
        item.outcome = toErrorRecord(error);
        if (this.#options.failsOnUndecodable) return;
      }
    }
  }

  /** What the program could not send again is tried until the journal takes it. */
  async #commit(items: readonly Item[]): Promise<readonly Receipt[]> {
    const { acknowledge, context } = this.#options;
    for (let delay = RETRY.initial; ; delay = Math.min(delay * 2, RETRY.max)) {
      try {
        return await this.#commitOnce(items);
      } catch (error) {
        if (acknowledge || isInvalid(error) || context.signal.aborted) throw error;
        context.report({ error });
        const { message } = toErrorRecord(error);
        context.log.warn(
          { input: context.name, lines: items.length, delay },
          `the journal does not take what it printed, which waits: ${message}`,
        );
        await sleep(context.clock, delay, context.signal);
      }
    }
  }

  async #commitOnce(items: readonly Item[]): Promise<readonly Receipt[]> {
    const { context } = this.#options;
    const events = items.filter(hasEvent).map(({ said }) => said.event);
    const cursor = items.findLast(({ said }) => said !== undefined && "cursor" in said)?.said?.cursor;
    if (events.length > 0) {
      return context.emitAll(events, cursor === undefined ? {} : { state: { [CURSOR]: cursor } });
    }
    if (cursor !== undefined) await context.state.put(CURSOR, cursor);
    return [];
  }

  async #answer(items: readonly Item[]): Promise<void> {
    const { acknowledge, failsOnUndecodable, answer, onRefused } = this.#options;
    let answers = "";
    let failure: SluiceError | undefined;
    for (const { line, data, outcome } of items) {
      if (acknowledge) answers += formatAnswer(line, outcome);
      if (outcome === undefined || "uid" in outcome) {
        this.#refusedInARow = 0;
        continue;
      }
      onRefused(line, data, outcome);
      failure = failsOnUndecodable ? badLine(line, outcome) : this.#tooMany(outcome);
      if (failure !== undefined) break;
    }
    if (answers !== "") await answer(answers);
    if (failure !== undefined) throw failure;
  }

  /** A program that prints what it reads, as `cat` does, would be answered for its answers, for ever. */
  #tooMany({ message }: ErrorRecord): SluiceError | undefined {
    this.#refusedInARow += 1;
    if (!this.#options.acknowledge || this.#refusedInARow < REFUSED_IN_A_ROW) return undefined;
    return new SluiceError(
      "INPUT_FAILED",
      `${REFUSED_IN_A_ROW} lines in a row of its standard output were refused, the last because ${message}. Let it print events, and not what it reads: each line is answered on its standard input. For lines of another kind say lines = "json" or "text"`,
    );
  }
}

function badLine(line: number, { message }: ErrorRecord): SluiceError {
  return new SluiceError("INVALID_EVENT", `line ${line} of its standard output is no event: ${message}`);
}

function hasEvent<T extends { readonly said: Said | undefined }>(
  item: T,
): item is T & { readonly said: { readonly event: EventInit } } {
  return item.said?.event !== undefined;
}

function isInvalid(error: unknown): boolean {
  return isSluiceError(error, "INVALID_EVENT") || isSluiceError(error, "INVALID_OPERATION");
}
