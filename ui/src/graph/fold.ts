import { drawAcross, drawBent, inlet, outlet } from "./draw.ts";
import { MARGIN, type Box, type Course, type Layout, type Placed, type Wire } from "./shapes.ts";

/** Room between two lines of the folded picture: connections that go on in the next line run there. */
const GUTTER = 64;
/** Between two connections beside one another. */
const LANE = 8;
/** How far beside a node such a connection runs. */
const BESIDE = 26;
const MOST_LINES = 5;
/** From this scale on everything can be read, and nothing is gained by folding. */
const LEGIBLE = 0.9;

interface Band {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly keys: ReadonlySet<string>;
}

/**
 * A long pipeline is folded into lines, as text is: drawn in one line it would be too small to read. Takes the number
 * of lines that lets it be shown largest.
 */
export function fold(placed: Placed, room: { width: number; height: number }): Layout {
  const ranks = ranksOf(placed.boxes);
  let bands: readonly Band[] = [bandOf(placed.boxes)];
  let best = scaleOf(bands, room);
  for (let lines = 2; lines <= Math.min(MOST_LINES, ranks.length - 1) && best < LEGIBLE; lines++) {
    const tried = cut(ranks, lines).map((group) => bandOf(group.flat()));
    const scale = scaleOf(tried, room);
    if (scale > best * 1.15) [bands, best] = [tried, scale];
  }
  if (bands.length === 1) return { ...placed, wires: placed.courses.map(drawAcross) };
  return arrange(placed, bands);
}

/** Nodes of one column, from left to right. */
function ranksOf(boxes: readonly Box[]): readonly (readonly Box[])[] {
  const byCentre = Map.groupBy(boxes, ({ x, width }) => Math.round(x + width / 2));
  return [...byCentre].sort(([a], [b]) => a - b).map(([, rank]) => rank);
}

function bandOf(boxes: readonly Box[]): Band {
  return {
    left: Math.min(...boxes.map(({ x }) => x)),
    right: Math.max(...boxes.map(({ x, width }) => x + width)),
    top: Math.min(...boxes.map(({ y }) => y)),
    bottom: Math.max(...boxes.map(({ y, height }) => y + height)),
    keys: new Set(boxes.map(({ key }) => key)),
  };
}

/** Into lines of about the same width. */
function cut(ranks: readonly (readonly Box[])[], lines: number): Box[][][] {
  const left = bandOf(ranks.flat()).left;
  const width = bandOf(ranks.flat()).right - left;
  const groups: Box[][][] = Array.from({ length: lines }, () => []);
  for (const rank of ranks) {
    const { left: from, right: to } = bandOf(rank);
    const line = Math.min(lines - 1, Math.floor((((from + to) / 2 - left) / width) * lines));
    groups[line]?.push([...rank]);
  }
  return groups.filter((group) => group.length > 0);
}

function scaleOf(bands: readonly Band[], room: { width: number; height: number }): number {
  const beside = bands.length > 1 ? 2 * BESIDE : 0;
  const width = Math.max(...bands.map(({ left, right }) => right - left)) + 2 * MARGIN + beside;
  const height =
    bands.reduce((sum, { top, bottom }) => sum + bottom - top, 0) + (bands.length - 1) * GUTTER + 2 * MARGIN;
  return Math.min(room.width / width, room.height / height);
}

function arrange({ boxes, courses }: Placed, bands: readonly Band[]): Layout {
  const left = MARGIN + BESIDE;
  let y = MARGIN;
  const tops = bands.map(({ top, bottom }) => {
    const here = y;
    y += bottom - top + GUTTER;
    return here;
  });
  const lineOf = new Map(bands.flatMap(({ keys }, line) => [...keys].map((key) => [key, line] as const)));
  const shift = (line: number): { x: number; y: number } => ({
    x: left - (bands[line] as Band).left,
    y: (tops[line] as number) - (bands[line] as Band).top,
  });
  const moved = new Map(
    boxes.map((box) => {
      const by = shift(lineOf.get(box.key) ?? 0);
      return [box.key, { ...box, x: box.x + by.x, y: box.y + by.y }];
    }),
  );
  const lanes = new Map<number, number>();
  const wires = courses.map((course): Wire => {
    const from = lineOf.get(course.source.key) ?? 0;
    const to = lineOf.get(course.target.key) ?? 0;
    const by = shift(from);
    const here: Course = {
      ...course,
      source: moved.get(course.source.key) as Box,
      target: moved.get(course.target.key) as Box,
      points: course.points.map(({ x, y }) => ({ x: x + by.x, y: y + by.y })),
    };
    if (from === to) return drawAcross(here);
    const lane = lanes.get(from) ?? 0;
    lanes.set(from, lane + 1);
    return drawBetween(
      here,
      gutterBelow(bands, tops, from),
      gutterBelow(bands, tops, to - 1),
      to === from + 1,
      lane,
    );
  });
  return {
    boxes: [...moved.values()],
    wires,
    width: Math.max(...bands.map((band) => band.right - band.left)) + 2 * left,
    height: y - GUTTER + MARGIN,
  };
}

/** The middle of the room below a line; above the first for -1. */
function gutterBelow(bands: readonly Band[], tops: readonly number[], line: number): number {
  const band = bands[line];
  if (band === undefined) return MARGIN / 2;
  return (tops[line] as number) + band.bottom - band.top + GUTTER / 2;
}

/** Down into the gutter, along it, and from above into the column before its target: no node stands there. */
function drawBetween(course: Course, below: number, above: number, isNext: boolean, lane: number): Wire {
  const start = outlet(course.source);
  const end = inlet(course.target);
  const offset = ((lane % 5) - 2) * LANE;
  const right = start.x + BESIDE + (lane % 3) * 4;
  const before = end.x - BESIDE + 8 - (lane % 3) * 4;
  const way = isNext
    ? [{ x: before, y: below + offset }]
    : [
        { x: MARGIN / 2 + offset / 2, y: below + offset },
        { x: MARGIN / 2 + offset / 2, y: above + offset },
        { x: before, y: above + offset },
      ];
  return drawBent(course, [
    start,
    { x: right, y: start.y },
    { x: right, y: below + offset },
    ...way,
    { x: before, y: end.y },
    end,
  ]);
}
