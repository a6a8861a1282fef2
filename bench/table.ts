import { cpus } from "node:os";
import type { Figure } from "./figure.ts";
import type { Result } from "./scenario.ts";

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly folder: string;
  /** Milliseconds. */
  readonly fdatasync: Figure;
}

export function describeMachine(folder: string, fdatasync: Figure): Machine {
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    folder,
    fdatasync,
  };
}

export function printResults(machine: Machine, rounds: number, results: readonly Result[]): void {
  console.log(`
Node ${machine.node}, ${machine.cores} × ${machine.cpu}; ${machine.folder}: fdatasync ${show(machine.fdatasync, 2)} ms
medians of ${rounds} rounds, least and most in brackets
`);
  for (const { name, title, measures, lost, doubled } of results) {
    console.log(`${name}  ${title}`);
    if (measures === null) console.log(`   void: ${lost} lost, ${doubled} doubled`);
    const rows = (measures ?? []).map(({ label, unit, digits, figure, aim, met }) => [
      `   ${label}`,
      `${show(figure, digits)} ${unit}`,
      aim,
      met === null ? "" : met ? "met" : "missed",
    ]);
    printColumns(rows);
    console.log();
  }
}

export function printColumns(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  for (const row of rows) {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    console.log(cells.join("  ").trimEnd());
  }
}

export function show({ median, least, most }: Figure, digits: number): string {
  const text = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median)} (${text(least)}–${text(most)})`;
}
