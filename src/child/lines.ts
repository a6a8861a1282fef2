import { StringDecoder } from "node:string_decoder";
import { printable } from "../model/printable.ts";

/** Turns a stream's bytes into lines. */
export interface LineReader {
  push(bytes: Buffer): void;
  /** Hands on the last line, if it did not end. */
  end(): void;
}

/**
 * Lines may end in `\n` or `\r\n`. Bytes that are no UTF-8, and control characters (a terminal would obey them), become
 * U+FFFD. However much comes, no more is held than one line of `longest` characters; what is longer is cut.
 */
export function createLineReader(longest: number, onLine: (line: string) => void): LineReader {
  const decoder = new StringDecoder("utf8");
  let pending = "";
  /** Characters of the current line that were dropped already. */
  let dropped = 0;

  function extend(text: string): void {
    const room = longest - pending.length;
    pending += text.length > room ? text.slice(0, room) : text;
    dropped += Math.max(0, text.length - room);
  }

  function flush(): void {
    const line = pending.endsWith("\r") && dropped === 0 ? pending.slice(0, -1) : pending;
    const more = dropped === 0 ? "" : `… (${dropped} more characters)`;
    pending = "";
    dropped = 0;
    onLine(printable(line) + more);
  }

  function take(text: string): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      extend(text.slice(start, end));
      flush();
      start = end + 1;
    }
    extend(text.slice(start));
  }

  return {
    push: (bytes) => take(decoder.write(bytes)),
    end() {
      take(decoder.end());
      if (pending !== "" || dropped > 0) flush();
    },
  };
}

export interface OutputLimits {
  readonly lines: number;
  readonly characters: number;
}

/** Passes on so many lines and characters and no more; then says once that the rest was cut. */
export function limitOutput<Rest extends unknown[]>(
  limits: OutputLimits,
  write: (line: string, ...rest: Rest) => void,
): (line: string, ...rest: Rest) => void {
  let { lines, characters } = limits;
  let isCut = false;
  return (line, ...rest) => {
    if (isCut) return;
    lines -= 1;
    characters -= line.length;
    if (lines >= 0 && characters >= 0) return write(line, ...rest);
    isCut = true;
    write(
      `… the rest of the output was cut (past ${limits.lines} lines or ${limits.characters} characters)`,
      ...rest,
    );
  };
}

/** Keeps the last lines that it is given. */
export interface Tail {
  push(line: string): void;
  readonly lines: readonly string[];
}

export function createTail(length: number): Tail {
  const lines: string[] = [];
  return {
    push(line) {
      if (line.trim() === "") return;
      lines.push(line);
      if (lines.length > length) lines.shift();
    },
    lines,
  };
}
