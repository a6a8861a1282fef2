import type { RunContext } from "../model/component.ts";
import { isSluiceError, PermanentError, SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import type { Redact } from "../model/mask.ts";
import { printable } from "../model/printable.ts";
import { DataLines, problemOf, type DataLine } from "./data-lines.ts";
import { parseEvent, parseObject } from "./event-line.ts";

/** What a run may emit by its output, in bytes. */
export const LARGEST_OUTPUT: number = 16 * 1024 * 1024;
/** Events that a run may emit by its output: `{}` is one, and takes a hundred times its length in memory. */
const MOST_EVENTS = 100_000;

/** What a job says of how far it is: `{"progress":0.5}`, or `{"progress":3,"total":10,"message":"third file"}`. */
export interface OutputProgress {
  readonly done: number;
  readonly total: number;
  readonly message: string | undefined;
}

/** Where a job writes its events, for messages: `its standard output`. */
export interface JobOutputOptions {
  readonly where: string;
  /** Told as it comes. */
  readonly onProgress?: (progress: OutputProgress) => void;
}

/**
 * Reads what a job emits, a JSON object a line: events, which are kept until its end is known, and progress. What is
 * wrong with a line is kept too: the job may go on, since ending it would undo nothing.
 */
export class JobOutput {
  readonly #options: JobOutputOptions;
  readonly #lines = new DataLines(LARGEST_OUTPUT);
  readonly #events: { readonly line: number; readonly event: EventInit }[] = [];
  #line = 0;
  #bytes = 0;
  #problem: PermanentError | undefined;

  constructor(options: JobOutputOptions) {
    this.#options = options;
  }

  push(bytes: Buffer): void {
    if (this.#problem !== undefined) return;
    this.#bytes += bytes.length;
    if (this.#bytes > LARGEST_OUTPUT) {
      const message = `${this.#options.where} is larger than ${LARGEST_OUTPUT} bytes`;
      this.#problem = new PermanentError(message, { code: "INVALID_EVENT" });
      this.#events.length = 0;
      return;
    }
    for (const line of this.#lines.push(bytes)) this.#take(line);
  }

  /** Counts a line of something else, where both stand in one place. */
  skip(): void {
    this.#line += 1;
  }

  /**
   * Emits the events, once the job has succeeded.
   *
   * @throws PermanentError INVALID_EVENT, naming the first line that is wrong; nothing is emitted for good then
   */
  emit(context: Pick<RunContext, "emit">): void {
    const rest = this.#lines.rest();
    if (rest !== undefined) this.#take(rest);
    if (this.#problem !== undefined) throw this.#problem;
    for (const { line, event } of this.#events) {
      try {
        context.emit(event);
      } catch (error) {
        throw this.#wrong(line, error);
      }
    }
  }

  #take(data: DataLine): void {
    this.#line += 1;
    if (this.#problem !== undefined) return;
    try {
      const problem = problemOf(data, LARGEST_OUTPUT);
      if (problem !== undefined) throw new SluiceError("INVALID_EVENT", problem);
      this.#read(data.bytes.toString());
    } catch (error) {
      this.#problem = this.#wrong(this.#line, error);
    }
  }

  #read(text: string): void {
    if (text.trim() === "") return;
    const value = parseObject(text);
    if ("progress" in value) this.#options.onProgress?.(parseProgress(value));
    else this.#add(parseEvent(value));
  }

  #add(event: EventInit): void {
    if (this.#events.length === MOST_EVENTS) {
      this.#events.length = 0;
      throw new SluiceError("INVALID_EVENT", `${MOST_EVENTS} came before, and a run may emit no more`);
    }
    this.#events.push({ line: this.#line, event });
  }

  /** Anything else than a wrong event, such as an attempt that has ended, is not the line's fault. */
  #wrong(line: number, cause: unknown): PermanentError {
    if (!isSluiceError(cause, "INVALID_EVENT") && !isSluiceError(cause, "INVALID_OPERATION")) throw cause;
    const message = `line ${line} of ${this.#options.where} is no event: ${cause.message}`;
    return new PermanentError(message, { cause, code: "INVALID_EVENT" });
  }
}

/** Shows the run's progress, without what must not be shown. */
export function tellProgress(
  context: Pick<RunContext, "progress">,
  mask: Redact,
): (progress: OutputProgress) => void {
  return ({ done, total, message }) =>
    context.progress(done, total, message === undefined ? undefined : mask(printable(message)));
}

function parseProgress(value: Readonly<Record<string, unknown>>): OutputProgress {
  const { progress, total = 1, message } = value;
  const isText = message === undefined || typeof message === "string";
  if (isNumber(progress) && isNumber(total) && progress <= total && isText) {
    return { done: progress, total, message };
  }
  throw new SluiceError(
    "INVALID_EVENT",
    '"progress" is a number from 0 to 1 (or to "total", if that is given), and "message" is text',
  );
}

function isNumber(given: unknown): given is number {
  return typeof given === "number" && given >= 0;
}
