import { formatAgo, formatCount, formatLag, formatRate } from "../format.ts";
import { inputHealth, processHealth, type Tone } from "../health.ts";
import { countOf, type Live } from "../live.ts";
import { isDying, rateOf, type Series } from "../measures.ts";
import type { GraphNode } from "../types.ts";

/** One figure on a node. */
export interface Figure {
  readonly label: string;
  readonly value: string;
  readonly look: "" | "zero" | "warn" | "bad";
}

/** All that a node shows, as text: nodes whose face did not change are not drawn again. */
export interface Face {
  readonly tone: Tone;
  readonly word: string;
  readonly fresh: string;
  readonly figures: readonly Figure[];
  readonly spark: string;
  readonly action: "pause" | "resume" | undefined;
}

const SPARK_WIDTH = 60;
const SPARK_HEIGHT = 20;

const BLANK: Face = { tone: "idle", word: "", fresh: "", figures: [], spark: "", action: undefined };

export function faceOf(node: GraphNode, live: Live, now: number, withSpark: boolean): Face {
  if (node.role === "input") return inputFace(node.name, live, now, withSpark);
  if (node.role === "process") return processFace(node.name, live, now, withSpark);
  return storeFace(node, live, now);
}

function inputFace(name: string, live: Live, now: number, withSpark: boolean): Face {
  const row = live.inputs.get(name);
  const series = live.series.get(name);
  const rate = rateOf(series);
  if (row === undefined) return BLANK;
  const { tone, word } = inputHealth(row);
  return {
    tone,
    word,
    fresh: "",
    figures: [
      { label: "rate", value: formatRate(rate), look: rate === 0 ? "zero" : "" },
      { label: "restarts", ...countFigure(row.restarts, "warn") },
      {
        label: "last event",
        value: formatAgo(row.lastEventAt, now),
        look: row.lastEventAt === null ? "zero" : "",
      },
      ...(row.lag === null
        ? []
        : [
            {
              label: "lag",
              value: formatLag(row.lag, now),
              look: row.lag.events === 0 ? ("zero" as const) : ("" as const),
            },
          ]),
    ],
    spark: withSpark ? sparkOf(series) : "",
    action: actionOn(row, live),
  };
}

/** Nothing for who may only look. */
function actionOn({ state }: { readonly state: string }, { info }: Live): Face["action"] {
  if (info.role === "viewer") return undefined;
  return state === "paused" ? "resume" : "pause";
}

function processFace(name: string, live: Live, now: number, withSpark: boolean): Face {
  const row = live.processes.get(name);
  const series = live.series.get(name);
  const rate = rateOf(series);
  if (row === undefined) return BLANK;
  const { tone, word } = processHealth(row, isDying(series));
  return {
    tone,
    word,
    fresh: series?.movedAt === undefined ? "" : formatAgo(series.movedAt, now),
    figures: [
      { label: "rate", value: formatRate(rate), look: rate === 0 ? "zero" : "" },
      { label: "queued", ...countFigure(countOf(row, "queued", "waiting", "retrying"), "") },
      { label: "running", ...countFigure(row.running, "") },
      { label: "dead", ...countFigure(row.runs.dead ?? 0, "bad") },
    ],
    spark: withSpark ? sparkOf(series) : "",
    action: actionOn(row, live),
  };
}

/** A store is as fresh as the last run that wrote it. */
function storeFace(node: GraphNode, live: Live, now: number): Face {
  let movedAt = 0;
  for (const edge of live.graph.edges) {
    if (edge.kind !== "writes" || edge.to !== node.id) continue;
    movedAt = Math.max(movedAt, live.series.get(edge.from)?.movedAt ?? 0);
  }
  return { ...BLANK, fresh: movedAt === 0 ? "" : formatAgo(movedAt, now) };
}

function countFigure(count: number, look: "" | "warn" | "bad"): { value: string; look: Figure["look"] } {
  return { value: formatCount(count), look: count === 0 ? "zero" : look };
}

/** The last half minute as a line, without axes. */
function sparkOf(series: Series | undefined): string {
  const samples = series?.samples.slice(-30) ?? [];
  const highest = Math.max(...samples.map(({ rate }) => rate), 0);
  if (samples.length < 2 || highest === 0) return "";
  const step = SPARK_WIDTH / 29;
  const offset = SPARK_WIDTH - (samples.length - 1) * step;
  return samples
    .map(({ rate }, index) => {
      const x = (offset + index * step).toFixed(1);
      const y = (SPARK_HEIGHT - (rate / highest) * (SPARK_HEIGHT - 2)).toFixed(1);
      return `${index === 0 ? "M" : "L"}${x} ${y}`;
    })
    .join("");
}

export function isSameFace(a: Face, b: Face): boolean {
  return (
    a.tone === b.tone &&
    a.word === b.word &&
    a.fresh === b.fresh &&
    a.spark === b.spark &&
    a.action === b.action &&
    a.figures.length === b.figures.length &&
    a.figures.every(
      ({ value, look }, index) => value === b.figures[index]?.value && look === b.figures[index]?.look,
    )
  );
}
