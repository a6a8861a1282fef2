import type { Box, Course, Point, Wire } from "./shapes.ts";

/** How far before its node a line ends, to leave room for its head. */
const HEAD = 7;

/** From side to side, through the points that were left free. */
export function drawAcross({ key, edge, source, target, points }: Course): Wire {
  const start = outlet(source);
  const end = inlet(target);
  let path = `M${at(start)}`;
  let a = start;
  for (const b of [...points, end]) {
    const middle = (a.x + b.x) / 2;
    path += `C${at({ x: middle, y: a.y })} ${at({ x: middle, y: b.y })} ${at(b)}`;
    a = b;
  }
  return { key, edge, path, tip: tipAcross(end) };
}

/** The same from top to bottom. */
export function drawDown({ key, edge, source, target, points }: Course): Wire {
  const start = { x: source.x + source.width / 2, y: source.y + source.height };
  const end = { x: target.x + target.width / 2, y: target.y - HEAD };
  let path = `M${at(start)}`;
  let a = start;
  for (const b of [...points, end]) {
    const middle = (a.y + b.y) / 2;
    path += `C${at({ x: a.x, y: middle })} ${at({ x: b.x, y: middle })} ${at(b)}`;
    a = b;
  }
  return { key, edge, path, tip: `M${at({ x: end.x, y: end.y + HEAD - 1 })}l-4.5 -8h9z` };
}

/** Along straight lines with round corners. */
export function drawBent(course: Pick<Course, "key" | "edge">, points: readonly Point[]): Wire {
  const [first, ...rest] = points as [Point, ...Point[]];
  let path = `M${at(first)}`;
  let before = first;
  rest.forEach((corner, index) => {
    const after = rest[index + 1];
    if (after === undefined) path += `L${at(corner)}`;
    else {
      const radius = Math.min(RADIUS, distance(before, corner) / 2, distance(corner, after) / 2);
      path += `L${at(towards(corner, before, radius))}Q${at(corner)} ${at(towards(corner, after, radius))}`;
    }
    before = corner;
  });
  return { key: course.key, edge: course.edge, path, tip: tipAcross(before) };
}

const RADIUS = 14;

export function outlet(box: Box): Point {
  return { x: box.x + box.width, y: box.y + box.height / 2 };
}

export function inlet(box: Box): Point {
  return { x: box.x - HEAD, y: box.y + box.height / 2 };
}

function tipAcross(end: Point): string {
  return `M${at({ x: end.x + HEAD - 1, y: end.y })}l-8 -4.5v9z`;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to);
  if (whole === 0) return from;
  return { x: from.x + ((to.x - from.x) * length) / whole, y: from.y + ((to.y - from.y) * length) / whole };
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}
