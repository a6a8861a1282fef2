import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Splitter, type Piece, type SplitterOptions } from "./records.ts";

const CSV = { delimiter: ",", quote: '"' };

/** All pieces of a text that comes in chunks of such sizes. */
function split(
  text: string | Buffer,
  sizes: readonly number[],
  options: Partial<SplitterOptions> = {},
): Piece[] {
  const splitter = new Splitter({ offset: 0, line: 0, maxBytes: 1_000_000, ...options });
  const bytes = Buffer.from(text);
  const pieces: Piece[] = [];
  const drain = (): void => {
    for (let piece = splitter.next(); piece !== undefined; piece = splitter.next()) pieces.push(piece);
  };
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] as number);
    splitter.push(bytes.subarray(at, at + size));
    at += size;
    drain();
  }
  for (let piece = splitter.last(); piece !== undefined; piece = splitter.last()) {
    pieces.push(piece);
    drain();
  }
  return pieces;
}

const texts = (pieces: readonly Piece[]): string[] => pieces.map(({ bytes }) => bytes.toString());
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

describe("a file's lines", () => {
  test("end with LF or CRLF, and the last one with the file", () => {
    expect(split("a\r\n\nb\rc\n d", [])).toMatchObject([
      { line: 1, end: 3, lines: 1 },
      { line: 2, end: 4 },
      { line: 3, end: 8 },
      { line: 4, end: 10 },
    ]);
    expect(texts(split("a\r\n\nb\rc\n d", []))).toEqual(["a", "", "b\rc", " d"]);
  });

  test("are the same however their bytes come, and begin where the one before ends", () => {
    const text = fc.array(fc.constantFrom("a", "é", "\r", "\n", "\r\n", '"'), { maxLength: 40 });
    fc.assert(
      fc.property(text, sizes, (parts, chunks) => {
        const whole = parts.join("");
        const expected = whole.split("\n").map((line) => line.replace(/\r$/, ""));
        // What follows the last newline is a line only if there is anything.
        if (whole.endsWith("\n") || whole === "") expected.pop();
        else expected[expected.length - 1] = whole.slice(whole.lastIndexOf("\n") + 1);
        const pieces = split(whole, chunks);
        expect(texts(pieces)).toEqual(expected);
        expect(pieces.map(({ line }) => line)).toEqual(expected.map((_, i) => i + 1));
        expect(pieces.at(-1)?.end ?? 0).toBe(Buffer.byteLength(whole));
      }),
    );
  });

  test("that are too long are faults, at the cost of no more memory than the limit, and the next one is told", () => {
    fc.assert(
      fc.property(sizes, (chunks) => {
        const pieces = split(`ok\n${"x".repeat(50)}\nok\n${"y".repeat(50)}`, chunks, { maxBytes: 10 });
        expect(pieces.map(({ line, fault, end }) => [line, fault === undefined, end])).toEqual([
          [1, true, 3],
          [2, false, 54],
          [3, true, 57],
          [4, false, 107],
        ]);
      }),
    );
  });
});

describe("a file's rows of CSV", () => {
  test("may hold line ends within quotes; their number is that of their first line", () => {
    const pieces = split('a,"b\nc""\n",d\r\ne,f"g,h\n', [], { csv: CSV });
    expect(texts(pieces)).toEqual(['a,"b\nc""\n",d', 'e,f"g,h']);
    expect(pieces).toMatchObject([
      { line: 1, lines: 3 },
      { line: 4, lines: 1 },
    ]);
  });

  test("are those that csv-parse sees, however their bytes come", () => {
    const field = fc
      .array(fc.constantFrom("a", "ü", ",", "\n", "\r\n", '"'), { maxLength: 5 })
      .map((parts) => `"${parts.join("").replaceAll('"', '""')}"`);
    const row = fc.array(fc.oneof(field, fc.constantFrom("x", "y z")), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), fc.boolean(), sizes, (rows, ends, chunks) => {
        const text =
          rows.map((fields) => fields.join(",")).join("\n") + (ends && rows.length > 0 ? "\n" : "");
        const options = { relax_column_count: true, record_delimiter: ["\n", "\r\n"] };
        const seen = texts(split(text, chunks, { csv: CSV })).map((one) => parse(one, options)[0]);
        expect(seen).toEqual(parse(text, options));
      }),
    );
  });

  test("whose quote never closes are a fault of one line, and the next line is looked at anew", () => {
    fc.assert(
      fc.property(sizes, (chunks) => {
        const pieces = split('a,"b\nc,d\ne,f\n', chunks, { csv: CSV });
        expect(texts(pieces)).toEqual(['a,"b', "c,d", "e,f"]);
        expect(pieces.map(({ fault }) => fault === undefined)).toEqual([false, true, true]);
        const limited = split(`a,"b\nc,d\n${"e,f\n".repeat(20)}`, chunks, { csv: CSV, maxBytes: 20 });
        expect(limited.filter(({ fault }) => fault !== undefined)).toMatchObject([{ line: 1 }]);
        expect(limited).toHaveLength(22);
      }),
    );
  });
});
