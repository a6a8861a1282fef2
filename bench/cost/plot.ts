// A small plotter: panels in rows, in each a line through medians with bars from the least to the most.
import type { Figure } from "../figure.ts";

export interface Plot {
  readonly title: string;
  /** What grows, with its unit. */
  readonly xLabel: string;
  /** Of the points, evenly spaced: what grows does so by factors. */
  readonly xs: readonly string[];
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly label: string;
  /** One for each x. */
  readonly figures: readonly Figure[];
}

const WIDTH = 330;
const HEIGHT = 250;
const TITLE = 32;
const EDGE = { left: 62, right: 18, top: 36, bottom: 52 };
/** Panels in a row. */
const COLUMNS = 3;
const INK = "#333";
const LINE = "#0b62a4";

export function drawPlot({ title, xLabel, xs, panels }: Plot): string {
  const width = WIDTH * Math.min(COLUMNS, panels.length);
  const height = TITLE + HEIGHT * Math.ceil(panels.length / COLUMNS);
  const body = panels.map((panel, index) => {
    const across = WIDTH * (index % COLUMNS);
    const down = TITLE + HEIGHT * Math.floor(index / COLUMNS);
    return `<g transform="translate(${across} ${down})">${drawPanel(panel, xs, xLabel)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="${INK}">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="14" y="24" font-size="15" font-weight="bold">${escape(title)}</text>
${body.join("\n")}
</svg>
`;
}

function drawPanel({ label, figures }: Panel, xs: readonly string[], xLabel: string): string {
  const { left, right, top, bottom } = EDGE;
  const ticks = ticksUpTo(Math.max(...figures.map(({ most }) => most)));
  const highest = ticks.at(-1) as number;
  const y = (value: number): number => HEIGHT - bottom - (value / highest) * (HEIGHT - top - bottom);
  const step = (WIDTH - left - right) / xs.length;
  const x = (index: number): number => left + step * (index + 0.5);
  const path = figures.map(({ median }, index) => `${x(index).toFixed(1)},${y(median).toFixed(1)}`);
  return [
    `<text x="14" y="20" font-size="12">${escape(label)}</text>`,
    ...ticks.map(
      (tick) =>
        `<line x1="${left}" x2="${WIDTH - right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/>` +
        `<text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${inShort(tick)}</text>`,
    ),
    ...xs.map((text, index) => {
      return `<text x="${x(index)}" y="${HEIGHT - bottom + 17}" text-anchor="middle">${escape(text)}</text>`;
    }),
    `<text x="${(left + WIDTH - right) / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escape(xLabel)}</text>`,
    ...figures.map(({ least, most }, index) => {
      return `<line x1="${x(index)}" x2="${x(index)}" y1="${y(least)}" y2="${y(most)}" stroke="${LINE}" stroke-width="5" stroke-opacity="0.3"/>`;
    }),
    `<polyline points="${path.join(" ")}" fill="none" stroke="${LINE}" stroke-width="1.5"/>`,
    ...figures.map(
      ({ median }, index) => `<circle cx="${x(index)}" cy="${y(median)}" r="3" fill="${LINE}"/>`,
    ),
  ].join("\n");
}

/** From 0, by round steps, to the first that is not below the value. */
function ticksUpTo(value: number): readonly number[] {
  const rough = (value > 0 ? value : 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil((rough * 4) / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** 1500 as 1.5k. */
export function inShort(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
