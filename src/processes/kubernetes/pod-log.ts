import { DataLines, type DataLine } from "../../child/data-lines.ts";
import type { Api } from "./api.ts";

/** Longer than an RFC 3339 time with nanoseconds, and a space. */
export const STAMP = 40;
const SPACE = 32;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/** A line of a container's log, as its program wrote it. */
export interface LogLine {
  /** When the node wrote it down, in the node's words. */
  readonly time: string;
  readonly bytes: Buffer;
  /** Bytes beyond the longest that are held; they are not among `bytes`. */
  readonly cut: number;
}

export interface LogPlace {
  readonly pod: string;
  readonly container: string;
}

export interface PodLogOptions {
  /** Bytes of a line that are held; of a longer one the beginning. */
  readonly longest: number;
  /** Whether a reading goes by what the log says, from its beginning, and not by clocks, which may be set. */
  readonly isExact: boolean;
}

/** Told in the order of the log. What it throws ends the reading, and the line is told again by the next. */
export interface LogListener {
  line(line: LogLine): void;
  /** Lines may be missing before the one that comes next. */
  gap(gap: LogGap): void;
}

/** What came before cannot be read any more: what was between that and now, if anything, is lost. */
export class LogGap extends Error {}

/**
 * A container's log, read as often as connections break. Each line is handed on once: a reading passes over what an
 * earlier one told.
 */
export class PodLog {
  readonly #api: Api;
  readonly #path: string;
  readonly #query: Readonly<Record<string, string>>;
  readonly #options: PodLogOptions;
  readonly #listener: LogListener;
  /** How the log began that was read, so many lines before the last that was told. */
  #first: LogLine | undefined;
  #last: LogLine | undefined;
  #count = 0;
  #rest: LogLine | undefined;

  constructor(api: Api, { pod, container }: LogPlace, options: PodLogOptions, listener: LogListener) {
    this.#api = api;
    this.#path = `/api/v1/namespaces/${encodeURIComponent(api.namespace)}/pods/${pod}/log`;
    this.#query = { container, timestamps: "true" };
    this.#options = options;
    this.#listener = listener;
  }

  /**
   * Reads what there is and, with `follow`, what comes, until the server ends it: that need not be the log's end.
   *
   * @returns whether there was anything new
   * @throws ApiError, what the listener throws, or any error if what came is no log, or not all that was told before
   */
  async read(follow: boolean, signal: AbortSignal): Promise<boolean> {
    const [last, rest] = [this.#last, this.#rest];
    this.#rest = undefined;
    const isPart = !this.#options.isExact && last !== undefined;
    const query = {
      ...this.#query,
      ...(follow && { follow: "true" }),
      ...(isPart && { sinceTime: last.time }),
    };
    const request = { verb: "get", resource: "pods/log", method: "GET", path: this.#path, query } as const;
    const answer = await this.#api.stream(request, signal);
    const lines = new DataLines(this.#options.longest + STAMP);
    const reading = this.#startReading(last, isPart);
    for await (const chunk of answer) {
      for (const data of lines.push(chunk as Buffer)) {
        if (signal.aborted) return true;
        reading.line(parse(data));
      }
    }
    if (!reading.isPassed()) throw new Error("the log ends before what was read of it");
    const unfinished = lines.rest();
    this.#rest = unfinished && parse(unfinished);
    return this.#last !== last || !isSame(this.#rest, rest);
  }

  /** Takes the lines of a reading, after those that were told before. */
  #startReading(
    last: LogLine | undefined,
    isPart: boolean,
  ): { readonly line: (line: LogLine) => void; readonly isPassed: () => boolean } {
    let isPassed = last === undefined;
    let isKnown = false;
    let first: LogLine | undefined;
    let count = 0;
    return {
      isPassed: () => isPassed,
      line: (line) => {
        count += 1;
        if (isPassed) return this.#hand(line);
        if (count === 1) {
          first = line;
          isKnown = !isPart && isSame(first, this.#first);
        }
        // The same log has what was told at its place. In another one, that is found by what it says and when.
        if (isKnown && count < this.#count) return;
        isPassed = isSame(line, last);
        if (!isPassed && !isKnown && !isLater(line, last)) return;
        if (!isPassed) {
          const before = `the node keeps no more what was written before ${line.time}`;
          this.#listener.gap(new LogGap(before));
          isPassed = true;
          this.#hand(line);
        }
        this.#first = first;
        this.#count = count;
      },
    };
  }

  /** Hands on what came without a line feed, once there is no more. */
  end(): void {
    if (this.#rest !== undefined) this.#listener.line(this.#rest);
    this.#rest = undefined;
  }

  #hand(line: LogLine): void {
    this.#listener.line(line);
    this.#first ??= line;
    this.#last = line;
    this.#count += 1;
  }
}

function parse(data: DataLine): LogLine {
  const { bytes } = data;
  const cut = "tooLong" in data ? data.tooLong - bytes.length : 0;
  const space = bytes.subarray(0, STAMP).indexOf(SPACE);
  const time = bytes.toString("latin1", 0, Math.max(space, 0));
  if (TIME.test(time)) return { time, bytes: bytes.subarray(space + 1), cut };
  // A node that cannot read a log may say so in its place.
  throw new Error(`the node says: ${bytes.toString("utf8", 0, 500)}`);
}

function isSame(one: LogLine | undefined, other: LogLine | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.time === other.time && one.cut === other.cut && one.bytes.equals(other.bytes);
}

/** To the millisecond, which is all that can be compared whatever the time zone: the node keeps only so much of a log. */
function isLater(line: LogLine, than: LogLine | undefined): boolean {
  return than !== undefined && Date.parse(line.time) > Date.parse(than.time);
}
