// `npm run bench:cost [-- CURVE… --rounds N]`: what an event costs as this or that grows. Draws the plots of
// docs/performance and prints the figures as tables of Markdown.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../scripts/run.ts";
import { figure, type Figure } from "../figure.ts";
import { takeRounds, type Round } from "../scenario.ts";
import { show } from "../table.ts";
import { CURVES, type Curve } from "./curves.ts";
import { drawPlot } from "./plot.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" } },
});
const chosen = CURVES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const rounds = Number(values.rounds);
if (
  positionals.some((name) => !CURVES.some((curve) => curve.name === name)) ||
  !Number.isSafeInteger(rounds) ||
  rounds < 1
) {
  const names = CURVES.map(({ name }) => name).join(" | ");
  console.error(`usage: npm run bench:cost -- [${names}]… [--rounds N]`);
  process.exit(2);
}

const folder = join(root, "docs/performance");
await mkdir(folder, { recursive: true });
const taken = await takeRounds(chosen, rounds, (round, { name }) => {
  console.error(`round ${round} of ${rounds}: ${name}`);
});
for (const [curve, samples] of taken) {
  expectNothingLost(curve, samples);
  const xs = Object.keys(curve.samples);
  const panels = curve.metrics.map(({ label, of }) => ({
    label,
    figures: xs.map((x) => figure(samples.map((round) => of(round.get(x) ?? {})))),
  }));
  const { name, title, xLabel } = curve;
  await writeFile(join(folder, `${name}.svg`), drawPlot({ title, xLabel, xs, panels }));
  console.log(`\n### ${title}\n\n${tableOf(curve, xs, panels)}`);
}

function expectNothingLost({ name }: Curve, samples: readonly Round[]): void {
  for (const round of samples) {
    for (const [x, { lost = 0, doubled = 0 }] of round) {
      if (lost + doubled > 0) throw new Error(`${name} at ${x} is void: ${lost} lost, ${doubled} doubled`);
    }
  }
}

function tableOf(
  { xLabel, metrics }: Curve,
  xs: readonly string[],
  panels: readonly { readonly label: string; readonly figures: readonly Figure[] }[],
): string {
  const rows = xs.map((x, at) => {
    const cells = panels.map(({ figures }, metric) =>
      show(figures[at] as Figure, metrics[metric]?.digits ?? 0),
    );
    return `| ${[x, ...cells].join(" | ")} |`;
  });
  return [
    `| ${[xLabel, ...panels.map(({ label }) => label)].join(" | ")} |`,
    `|${"---|".repeat(panels.length + 1)}`,
    ...rows,
  ].join("\n");
}
