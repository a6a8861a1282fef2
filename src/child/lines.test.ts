import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLineReader, createTail, limitOutput } from "./lines.ts";

function read(chunks: readonly (string | Buffer)[], longest = 100): string[] {
  const lines: string[] = [];
  const reader = createLineReader(longest, (line) => lines.push(line));
  for (const chunk of chunks) reader.push(Buffer.from(chunk as string));
  reader.end();
  return lines;
}

describe("a stream's lines", () => {
  test("are the same however the bytes are cut into chunks", () => {
    const text = fc.array(fc.constantFrom("a", "ä", "😀", "\n", "\r\n", "longer text "), { maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(""));
        const edges = [
          ...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length]),
        ].toSorted((a, b) => a - b);
        const chunks = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
        expect(read(chunks, 1_000)).toEqual(read([bytes], 1_000));
      }),
    );
  });

  test("end in LF or CRLF; the last one need not end; empty ones stay", () => {
    expect(read(["a\r\nb\n\nc"])).toEqual(["a", "b", "", "c"]);
    expect(read(["a\n"])).toEqual(["a"]);
    expect(read([])).toEqual([]);
  });

  test("hold neither control characters nor bytes that are no UTF-8, but keep tabs", () => {
    expect(read(["\u001b[31mred\u0000\tx\u009b\rover\n"])).toEqual([
      "\ufffd[31mred\ufffd\tx\ufffd\ufffdover",
    ]);
    expect(read([Buffer.from([0xff, 0xc3, 0x0a, 0xc3])])).toEqual(["\ufffd\ufffd", "\ufffd"]);
  });

  test("are cut when too long, and say by how much, whatever the chunks", () => {
    expect(read(["x".repeat(10), "y\nz\n"], 4)).toEqual(["xxxx… (7 more characters)", "z"]);
    expect(read(["abcd\r\n"], 5)).toEqual(["abcd"]);
  });
});

describe("an output limit", () => {
  test("stops after so many lines, and says so once", () => {
    const lines: string[] = [];
    const write = limitOutput({ lines: 2, characters: 100 }, (line) => void lines.push(line));
    for (const line of ["a", "b", "c", "d"]) write(line);
    expect(lines).toEqual(["a", "b", "… the rest of the output was cut (past 2 lines or 100 characters)"]);
  });

  test("stops after so many characters", () => {
    const lines: string[] = [];
    const write = limitOutput({ lines: 10, characters: 5 }, (line) => void lines.push(line));
    for (const line of ["abc", "de", "f"]) write(line);
    expect(lines.slice(0, -1)).toEqual(["abc", "de"]);
    expect(lines).toHaveLength(3);
  });
});

test("a tail keeps the last lines that say something", () => {
  const tail = createTail(2);
  for (const line of ["a", "b", " ", "c", ""]) tail.push(line);
  expect(tail.lines).toEqual(["b", "c"]);
});
