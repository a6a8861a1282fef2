import { Graph as Dagre, layout as dagreLayout } from "@dagrejs/dagre";
import type { Graph, GraphEdge, GraphNode } from "../types.ts";
import { drawDown } from "./draw.ts";
import { fold } from "./fold.ts";
import { MARGIN, type Box, type Layout, type Placed, type Point } from "./shapes.ts";

export type Direction = "LR" | "TB";

export const CARD = { width: 228, height: 92 } as const;
export const STORE = { width: 164, height: 50 } as const;
/** Above this many nodes the exact ranking takes longer than anybody would wait. */
const EXACT_UP_TO = 120;

/** Places every node once; numbers change later without moving anything. `room` is what it should fit into. */
export function layOut(graph: Graph, direction: Direction, room: { width: number; height: number }): Layout {
  // Of nothing, dagre answers bounds that are infinite.
  if (graph.nodes.length === 0) return { boxes: [], wires: [], width: 0, height: 0 };
  const placed = place(graph, direction);
  if (direction === "LR") return fold(placed, room);
  return { ...placed, wires: placed.courses.map(drawDown) };
}

function place(graph: Graph, direction: Direction): Placed {
  const dagre = new Dagre({ multigraph: true });
  const isBig = graph.nodes.length > EXACT_UP_TO;
  dagre.setGraph({
    rankdir: direction,
    nodesep: direction === "LR" ? 26 : 22,
    ranksep: direction === "LR" ? 56 : 44,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: isBig ? "longest-path" : "network-simplex",
  });
  for (const node of graph.nodes) dagre.setNode(nodeKey(node), { ...sizeOf(node) });
  const ends = keysById(graph);
  const edges = graph.edges.flatMap((edge, index) => {
    const [from, to] = endsOf(edge, ends);
    if (from === undefined || to === undefined || from === to) return [];
    dagre.setEdge(from, to, {}, String(index));
    return [{ edge, from, to, key: String(index) }];
  });
  dagreLayout(dagre);

  const boxes = graph.nodes.map((node) => {
    const key = nodeKey(node);
    const { x, y } = dagre.node(key) as Point;
    const { width, height } = sizeOf(node);
    return { key, node, x: x - width / 2, y: y - height / 2, width, height };
  });
  const byKey = new Map(boxes.map((box) => [box.key, box]));
  const courses = edges.map(({ edge, from, to, key }) => {
    const { points = [] } = dagre.edge(from, to, key) as { points?: readonly Point[] };
    // Both were placed above.
    return {
      key,
      edge,
      source: byKey.get(from) as Box,
      target: byKey.get(to) as Box,
      points: points.slice(1, -1),
    };
  });
  const { width = 0, height = 0 } = dagre.graph() as { width?: number; height?: number };
  return { boxes, courses, width, height };
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
