import pc from "picocolors";
import { harmless, toSafeJson } from "./text.ts";

/** Colours only for a terminal, and never with NO_COLOR (https://no-color.org). */
export const colours: ReturnType<typeof pc.createColors> = pc.createColors(
  process.stdout.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb",
);

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One JSON value on one line: a whole answer, or one of a stream. */
export function printJson(value: unknown): void {
  print(toSafeJson(value));
}

/** For people, and never in the way of what scripts read. */
export function hint(line: string): void {
  process.stderr.write(`${line}\n`);
}

const STATE_COLOURS: Readonly<Record<string, (text: string) => string>> = {
  succeeded: colours.green,
  running: colours.green,
  dead: colours.red,
  failed: colours.red,
  cancelled: colours.dim,
  stopped: colours.dim,
  retrying: colours.yellow,
  paused: colours.yellow,
  "backing off": colours.yellow,
};

export function paintState(state: string): string {
  return (STATE_COLOURS[state] ?? String)(state);
}

/** A cell's text, made harmless, and how it is painted once the columns are measured. */
export type Cell = string | number | { readonly text: string; readonly paint: (text: string) => string };

/** Columns as wide as their widest cell; two spaces between; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) =>
    row.map((cell) => harmless(typeof cell === "object" ? cell.text : String(cell))),
  );
  const widths = head.map((title, column) =>
    Math.max(title.length, ...texts.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (text: string, column: number): string =>
    column === head.length - 1 ? text : text.padEnd(widths[column] ?? 0);
  const lines = rows.map((row, index) =>
    row
      .map((cell, column) => {
        const padded = pad(texts[index]?.[column] ?? "", column);
        return typeof cell === "object" ? cell.paint(padded) : padded;
      })
      .join("  "),
  );
  return [colours.dim(head.map(pad).join("  ")), ...lines].join("\n");
}

export function stateCell(state: string): Cell {
  return { text: state, paint: STATE_COLOURS[state] ?? String };
}
