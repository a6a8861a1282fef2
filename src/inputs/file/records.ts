/** A piece of a file that ends with a line's end, or with the file. */
export interface Piece {
  /** Without the line's end. */
  readonly bytes: Buffer;
  /** Where it ends in the file, its line's end included. */
  readonly end: number;
  /** The number of its first line, from 1. */
  readonly line: number;
  /** Of how many lines it is. */
  readonly lines: number;
  /** It is no record: too long, or a quote that never closes. `bytes` is its first line, or a part of it. */
  readonly fault?: string;
}

export interface SplitterOptions {
  /** Where it begins in the file, and lines before. */
  readonly offset: number;
  readonly line: number;
  readonly maxBytes: number;
  /** Of CSV: lines within quotes do not end a record. */
  readonly csv?: { readonly delimiter: string; readonly quote: string } | undefined;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Cuts the bytes of a file into lines, or into rows of CSV, of which it holds one at a time at the most. */
export class Splitter {
  readonly #maxBytes: number;
  readonly #quote: number | undefined;
  readonly #delimiter: number | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Where the buffer begins in the file. */
  #base: number;
  #line: number;
  /** In a line that is too long: its number. */
  #overlong: number | undefined;

  constructor({ offset, line, maxBytes, csv }: SplitterOptions) {
    this.#base = offset;
    this.#line = line;
    this.#maxBytes = maxBytes;
    this.#quote = csv === undefined || csv.quote === "" ? undefined : csv.quote.charCodeAt(0);
    this.#delimiter = csv?.delimiter.charCodeAt(0);
  }

  /** Bytes before this are cut, or left out. */
  get position(): number {
    return this.#base + this.#at;
  }

  push(chunk: Buffer): void {
    const rest = this.#buffer.subarray(this.#at);
    this.#base += this.#at;
    this.#at = 0;
    this.#buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
  }

  /** The next piece that is whole. */
  next(): Piece | undefined {
    if (this.#overlong !== undefined) return this.#skipLine(this.#overlong);
    const end = this.#endOfRecord(this.#at);
    if (end !== undefined) return this.#record(end);
    const length = this.#buffer.length - this.#at;
    if (length <= this.#maxBytes) return undefined;
    return this.#firstLine(TOO_LONG);
  }

  /** What is left at the end of the file. */
  last(): Piece | undefined {
    const overlong = this.#overlong;
    this.#overlong = undefined;
    if (overlong !== undefined) return this.#cut(this.#buffer.length, TOO_LONG, overlong);
    if (this.#at === this.#buffer.length) return undefined;
    const isOpen = this.#quote !== undefined && this.#isInQuotes();
    return isOpen ? this.#firstLine("a quote is opened and never closed") : this.#record(this.#buffer.length);
  }

  #record(end: number): Piece {
    const tooLong = end - this.#at > this.#maxBytes + 2;
    return this.#cut(end, tooLong ? TOO_LONG : undefined);
  }

  /** A record that cannot be: its first line is left out, and what follows is looked at anew. */
  #firstLine(fault: string): Piece | undefined {
    const newline = this.#buffer.indexOf(NEWLINE, this.#at);
    if (newline !== -1) return this.#cut(newline + 1, fault);
    if (this.#buffer.length - this.#at <= this.#maxBytes) return this.#cut(this.#buffer.length, fault);
    this.#overlong = this.#line + 1;
    return this.#skipLine(this.#overlong);
  }

  #skipLine(line: number): Piece | undefined {
    const newline = this.#buffer.indexOf(NEWLINE, this.#at);
    if (newline === -1) {
      this.#at = this.#buffer.length;
      return undefined;
    }
    this.#overlong = undefined;
    return this.#cut(newline + 1, TOO_LONG, line);
  }

  #cut(end: number, fault: string | undefined, line = this.#line + 1): Piece {
    const start = this.#at;
    let stop = end;
    if (this.#buffer[stop - 1] === NEWLINE) {
      stop -= 1;
      if (stop > start && this.#buffer[stop - 1] === RETURN) stop -= 1;
    }
    const lines = this.#quote === undefined ? 1 : countLines(this.#buffer, start, stop);
    this.#line += lines;
    this.#at = end;
    const piece = { bytes: this.#buffer.subarray(start, stop), end: this.#base + end, line, lines };
    return fault === undefined ? piece : { ...piece, fault };
  }

  #endOfRecord(start: number): number | undefined {
    const newline = this.#buffer.indexOf(NEWLINE, start);
    if (newline === -1) return undefined;
    if (this.#quote === undefined) return newline + 1;
    const quote = this.#buffer.subarray(start, newline).indexOf(this.#quote);
    return quote === -1 ? newline + 1 : this.#scan(start).end;
  }

  #isInQuotes(): boolean {
    return this.#scan(this.#at).isInQuotes;
  }

  /** RFC 4180: a quote at the beginning of a field opens it, a doubled one within it stands for itself. */
  #scan(start: number): { readonly end?: number; readonly isInQuotes: boolean } {
    const buffer = this.#buffer;
    let isInQuotes = false;
    let isAtStart = true;
    for (let at = start; at < buffer.length; at += 1) {
      const byte = buffer[at];
      if (isInQuotes) {
        if (byte !== this.#quote) continue;
        if (buffer[at + 1] === this.#quote) at += 1;
        else isInQuotes = false;
      } else if (byte === NEWLINE) {
        return { end: at + 1, isInQuotes };
      } else if (byte === this.#quote && isAtStart) {
        isInQuotes = true;
        isAtStart = false;
      } else {
        isAtStart = byte === this.#delimiter;
      }
    }
    return { isInQuotes };
  }
}

const TOO_LONG = "it is longer than max_bytes";

function countLines(buffer: Buffer, start: number, stop: number): number {
  let lines = 1;
  for (let at = buffer.indexOf(NEWLINE, start); at !== -1 && at < stop; at = buffer.indexOf(NEWLINE, at + 1))
    lines += 1;
  return lines;
}
