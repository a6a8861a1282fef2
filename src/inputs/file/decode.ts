import { isUtf8 } from "node:buffer";
import { parse } from "csv-parse/sync";
import { isJsonDeeperThan } from "../../model/json-depth.ts";
import type { Entry } from "./ledger.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Piece } from "./records.ts";

/** What a piece of a file is: data of an event, nothing that is told, or a fault. */
export type Decoded =
  | { readonly piece: Piece; readonly data: unknown }
  | { readonly piece: Piece; readonly fault: string; readonly isHeader?: true }
  | { readonly piece: Piece };

/** Reads pieces in their order. */
export interface Decoder {
  /** Of CSV: the columns' names, or how many there are, as soon as they are known. */
  readonly columns: Entry["columns"];
  decode(pieces: readonly Piece[]): readonly Decoded[];
}

const DEEPEST = 1_000;

export function createDecoder(options: ResolvedOptions, columns: Entry["columns"]): Decoder {
  if (options.read === "csv") return new CsvDecoder(options, columns);
  const parseLine = options.read === "ndjson" ? readJson : (text: string) => ({ data: text as unknown });
  const isTold = (text: string): boolean => options.read !== "ndjson" || text.trim() !== "";
  return {
    columns: undefined,
    decode: (pieces) =>
      pieces.map((piece) => {
        const text = textOf(piece);
        if (typeof text !== "string") return { piece, ...text };
        return isTold(text) ? { piece, ...parseLine(text) } : { piece };
      }),
  };
}

/** A byte order mark at the very beginning is no text. */
export function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

export function readJson(text: string): { readonly data: unknown } | { readonly fault: string } {
  if (isJsonDeeperThan(text, DEEPEST)) return { fault: `it is nested more than ${DEEPEST} levels deep` };
  try {
    return { data: JSON.parse(text) as unknown };
  } catch (error) {
    return { fault: `it is not JSON: ${(error as Error).message.slice(0, 200)}` };
  }
}

function textOf({ bytes, end, line, fault }: Piece): string | { readonly fault: string } {
  if (fault !== undefined) return { fault };
  if (!isUtf8(bytes)) return { fault: "it is not valid UTF-8" };
  const isFirst = line === 1 && end <= bytes.length + 2;
  return (isFirst ? withoutMark(bytes) : bytes).toString("utf8");
}

class CsvDecoder implements Decoder {
  readonly #options: ResolvedOptions;
  columns: Entry["columns"];

  constructor(options: ResolvedOptions, columns: Entry["columns"]) {
    this.#options = options;
    const { header } = options;
    this.columns = columns ?? (typeof header === "boolean" ? undefined : header);
  }

  decode(pieces: readonly Piece[]): readonly Decoded[] {
    const texts = pieces.map(textOf);
    const rows = this.#rows(texts.filter(isRow));
    return pieces.map((piece, i) => {
      const text = texts[i] as (typeof texts)[number];
      if (typeof text !== "string") return { piece, ...text };
      return isRow(text) ? { piece, ...this.#read(rows.next().value as Row) } : { piece };
    });
  }

  #read(row: Row): object {
    if (typeof row === "string") return { fault: row };
    if (this.columns === undefined) return this.#begin(row);
    const expected = typeof this.columns === "number" ? this.columns : this.columns.length;
    if (row.length !== expected) return { fault: `it has ${row.length} fields in place of ${expected}` };
    if (typeof this.columns === "number") return { data: row };
    return { data: Object.fromEntries(this.columns.map((column, i) => [column, row[i]])) };
  }

  #begin(row: readonly string[]): object {
    if (this.#options.header === false) {
      this.columns = row.length;
      return { data: row };
    }
    const twice = row.find((column, i) => row.indexOf(column) !== i);
    if (twice !== undefined)
      return { fault: `the header names the column ${JSON.stringify(twice)} twice`, isHeader: true };
    this.columns = row;
    return {};
  }

  /** All at once, as that is fast; one by one if anything is wrong, so that the wrong one is known. */
  *#rows(texts: readonly string[]): Generator<Row, void> {
    const rows = this.#parse(texts);
    if (rows?.length === texts.length) {
      yield* rows;
      return;
    }
    for (const text of texts) {
      try {
        const parsed = this.#parseRow(text);
        yield parsed.length === 1 ? (parsed[0] as Row) : "its quotes are not those of one row";
      } catch (error) {
        yield (error as Error).message.replace(/ (?:at|on) line \d+/g, "").slice(0, 200);
      }
    }
  }

  #parse(texts: readonly string[]): string[][] | undefined {
    try {
      return this.#parseRow(texts.join("\n"));
    } catch {
      return undefined;
    }
  }

  #parseRow(text: string): string[][] {
    const { delimiter, quote } = this.#options;
    return parse(text, {
      delimiter,
      quote: quote === "" ? null : quote,
      escape: quote === "" ? null : quote,
      relax_column_count: true,
      record_delimiter: ["\n", "\r\n"],
    });
  }
}

/** The fields, or what is wrong. */
type Row = readonly string[] | string;

/** Blank lines are none. */
function isRow(text: string | { readonly fault: string }): text is string {
  return typeof text === "string" && text.trim() !== "";
}
