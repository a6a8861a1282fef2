// `npm run bench [-- SCENARIO… --rounds N --json]`: prints ratios against the bare loop, measured in the same run.
// It gates nothing; but a figure whose events did not each arrive exactly once at each process is void, and that fails.
import { cpus, tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { measureDisk } from "./disk.ts";
import { measure, type Figure, type Result, type Scenario } from "./scenario.ts";
import { scenario as a } from "./scenarios/a-durable-512.ts";
import { scenario as b } from "./scenarios/b-durable-100.ts";
import { scenario as e1 } from "./scenarios/e-memory-1.ts";
import { scenario as e4 } from "./scenarios/e-memory-4.ts";

const SCENARIOS: readonly Scenario[] = [a, b, e1, e4];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
  },
});
const wanted = positionals.map((name) => name.toUpperCase());
const chosen = SCENARIOS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
);
const rounds = Number(values.rounds);
if (chosen.length === 0 || !Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(
    `usage: npm run bench -- [${SCENARIOS.map(({ name }) => name).join(" | ")}]… [--rounds N] [--json]`,
  );
  process.exit(2);
}

const disk = await measureDisk();
const results: Result[] = [];
for (const scenario of chosen) results.push(await measure(scenario, rounds, (text) => console.error(text)));

const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  folder: process.env["BENCH_DIR"] ?? tmpdir(),
  fdatasync: disk,
};
if (values.json) console.log(JSON.stringify({ machine, rounds, results }));
else printTable();
process.exitCode = results.some(({ ratio }) => ratio === null) ? 1 : 0;

function printTable(): void {
  console.log(`
Node ${machine.node}, ${machine.cores} × ${machine.cpu}; ${machine.folder}: fdatasync p50 ${disk.median.toFixed(2)} ms
medians of ${rounds} rounds, least and most in brackets
`);
  const rows = results.flatMap(({ scenario, floor, sluice, ratio }) => [
    [scenario.name, "bare loop", show(floor.rate), show(floor.cpu, 2), show(floor.loopDelay, 1), ""],
    [
      "",
      "sluice",
      show(sluice.rate),
      show(sluice.cpu, 2),
      show(sluice.loopDelay, 1),
      ratio === null
        ? `void: ${sluice.lost + floor.lost} lost, ${sluice.doubled + floor.doubled} doubled`
        : `${show(ratio, 2)}, aim ${scenario.target}`,
    ],
  ]);
  printColumns([["", "", "events/s", "CPU s/10k", "loop p99 ms", "ratio"], ...rows]);
  console.log();
  for (const { name, title } of chosen) console.log(`${name.padEnd(3)} ${title}`);
}

function printColumns(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

function show({ median, least, most }: Figure, digits = 0): string {
  const text = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median)} (${text(least)}–${text(most)})`;
}
