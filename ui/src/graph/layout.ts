import { Graph as Dagre, layout as dagreLayout } from "@dagrejs/dagre";
import type { Graph, GraphEdge, GraphNode } from "../types.ts";

export interface Box {
  readonly key: string;
  readonly node: GraphNode;
  /** The upper left corner. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Wire {
  readonly key: string;
  readonly edge: GraphEdge;
  readonly path: string;
  /** Where its head points, and in which direction. */
  readonly tip: string;
}

export interface Layout {
  readonly boxes: readonly Box[];
  readonly wires: readonly Wire[];
  readonly width: number;
  readonly height: number;
}

export type Direction = "LR" | "TB";
interface Point {
  readonly x: number;
  readonly y: number;
}

export const CARD = { width: 212, height: 92 } as const;
export const STORE = { width: 164, height: 50 } as const;
/** Above this many nodes the exact ranking takes longer than anybody would wait. */
const EXACT_UP_TO = 120;

/** Places every node once; numbers change later without moving anything. */
export function layOut(graph: Graph, direction: Direction): Layout {
  const dagre = new Dagre({ multigraph: true });
  const isBig = graph.nodes.length > EXACT_UP_TO;
  dagre.setGraph({
    rankdir: direction,
    nodesep: direction === "LR" ? 26 : 22,
    ranksep: direction === "LR" ? 62 : 44,
    marginx: 24,
    marginy: 24,
    ranker: isBig ? "longest-path" : "network-simplex",
  });
  for (const node of graph.nodes) dagre.setNode(nodeKey(node), { ...sizeOf(node) });
  const ends = keysById(graph);
  const edges = graph.edges.flatMap((edge, index) => {
    const [from, to] = endsOf(edge, ends);
    if (from === undefined || to === undefined || from === to) return [];
    dagre.setEdge(from, to, {}, String(index));
    return [{ edge, from, to, name: String(index) }];
  });
  dagreLayout(dagre);

  const boxes = graph.nodes.map((node) => {
    const key = nodeKey(node);
    const { x, y } = dagre.node(key) as Point;
    const { width, height } = sizeOf(node);
    return { key, node, x: x - width / 2, y: y - height / 2, width, height };
  });
  const byKey = new Map(boxes.map((box) => [box.key, box]));
  const wires = edges.flatMap(({ edge, from, to, name }) => {
    const source = byKey.get(from);
    const target = byKey.get(to);
    if (source === undefined || target === undefined) return [];
    const { points = [] } = dagre.edge(from, to, name) as { points?: readonly Point[] };
    return [{ key: name, edge, ...draw(source, target, points, direction) }];
  });
  const { width = 0, height = 0 } = dagre.graph() as { width?: number; height?: number };
  return { boxes, wires, width, height };
}

export function nodeKey(node: GraphNode): string {
  return `${node.role === "dataset" ? "dataset" : "component"}:${node.id}`;
}

function sizeOf(node: GraphNode): { width: number; height: number } {
  return node.role === "dataset" ? STORE : CARD;
}

function keysById(graph: Graph): ReadonlyMap<string, string> {
  return new Map(
    graph.nodes.map((node) => [`${node.role === "dataset" ? "d" : "c"}:${node.id}`, nodeKey(node)]),
  );
}

/** A dataset may be called as a component is; which end is which, the kind of the edge says. */
function endsOf(
  edge: GraphEdge,
  ends: ReadonlyMap<string, string>,
): [string | undefined, string | undefined] {
  const [from, to] = edge.kind === "link" ? ["c", "c"] : edge.kind === "reads" ? ["d", "c"] : ["c", "d"];
  return [ends.get(`${from}:${edge.from}`), ends.get(`${to}:${edge.to}`)];
}

/** From side to side through the points where the layout left room, its tangents along the flow. */
function draw(
  source: Box,
  target: Box,
  points: readonly Point[],
  direction: Direction,
): { path: string; tip: string } {
  const isAcross = direction === "LR";
  const start = isAcross
    ? { x: source.x + source.width, y: source.y + source.height / 2 }
    : { x: source.x + source.width / 2, y: source.y + source.height };
  const end = isAcross
    ? { x: target.x - 7, y: target.y + target.height / 2 }
    : { x: target.x + target.width / 2, y: target.y - 7 };
  const between = points.slice(1, -1);
  const all = [start, ...between, end];
  let path = `M${round(start.x)} ${round(start.y)}`;
  for (let index = 1; index < all.length; index++) {
    const a = all[index - 1] as Point;
    const b = all[index] as Point;
    const middle = isAcross ? (a.x + b.x) / 2 : (a.y + b.y) / 2;
    path += isAcross
      ? `C${round(middle)} ${round(a.y)} ${round(middle)} ${round(b.y)} ${round(b.x)} ${round(b.y)}`
      : `C${round(a.x)} ${round(middle)} ${round(b.x)} ${round(middle)} ${round(b.x)} ${round(b.y)}`;
  }
  const tip = isAcross
    ? `M${round(end.x + 6)} ${round(end.y)}l-8 -4.500v9z`
    : `M${round(end.x)} ${round(end.y + 6)}l-4.500 -8h9z`;
  return { path, tip };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
