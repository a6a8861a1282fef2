import { isUtf8 } from "node:buffer";

/** A line of what a program says to us, rather than to people: nothing in it is changed. */
export type DataLine =
  | { readonly bytes: Buffer }
  /** Longer than the longest that is taken: its length, and its beginning. */
  | { readonly tooLong: number; readonly bytes: Buffer };

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Takes bytes apart into lines, which end in `\n` or `\r\n`. However much comes, no more is held than one line of
 * `longest` bytes; of what is longer only the length is told, and the beginning.
 */
export class DataLines {
  readonly #longest: number;
  #parts: Buffer[] = [];
  #held = 0;
  #dropped = 0;

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The lines that a chunk brings to their end. */
  *push(chunk: Buffer): Generator<DataLine> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#extend(chunk.subarray(start, end));
      yield this.#flush();
      start = end + 1;
    }
    this.#extend(chunk.subarray(start));
  }

  /** What came after the last line feed; `undefined` if nothing did. */
  rest(): DataLine | undefined {
    return this.#held + this.#dropped === 0 ? undefined : this.#flush();
  }

  #extend(part: Buffer): void {
    const taken = part.subarray(0, this.#longest - this.#held);
    if (taken.length > 0) this.#parts.push(taken);
    this.#held += taken.length;
    this.#dropped += part.length - taken.length;
  }

  #flush(): DataLine {
    const [only = Buffer.alloc(0)] = this.#parts;
    const bytes = this.#parts.length === 1 ? only : Buffer.concat(this.#parts, this.#held);
    const dropped = this.#dropped;
    this.#parts = [];
    this.#held = 0;
    this.#dropped = 0;
    if (dropped > 0) return { tooLong: bytes.length + dropped, bytes };
    return { bytes: bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes };
  }
}

/** What is wrong with a line as text, if anything is. */
export function problemOf(line: DataLine, longest: number): string | undefined {
  if ("tooLong" in line) return `it has ${line.tooLong} bytes, and may have ${longest}`;
  return isUtf8(line.bytes) ? undefined : "it is not UTF-8";
}
