import { renderSvg } from "./svg.ts";
import type { Graph, GraphEdge, GraphNode } from "./types.ts";

export type GraphFormat = "mermaid" | "dot" | "svg" | "json";

export const GRAPH_FORMATS: readonly GraphFormat[] = ["mermaid", "dot", "svg", "json"];

/**
 * Draws the DAG as text: a Mermaid flowchart, Graphviz DOT, SVG, or JSON. The order is that of the graph, so that the
 * same pipeline always gives the same text; names and expressions are escaped, whatever is in them.
 */
export function renderGraph(graph: Graph, format: GraphFormat): string {
  if (format === "json") return `${JSON.stringify(graph, null, 2)}\n`;
  if (format === "svg") return renderSvg(graph);
  return format === "mermaid" ? renderMermaid(graph) : renderDot(graph);
}

const MERMAID_SHAPES: Readonly<Record<GraphNode["role"], readonly [string, string]>> = {
  input: ["([", "])"],
  process: ["[", "]"],
  dataset: ["[(", ")]"],
};

function renderMermaid(graph: Graph): string {
  const ids = idsOf(graph);
  const lines = ["flowchart LR"];
  for (const node of graph.nodes) {
    const [open, close] = MERMAID_SHAPES[node.role];
    lines.push(`  ${ids.get(keyOf(node.role, node.id))}${open}"${escapeMermaid(node.name)}"${close}`);
  }
  for (const edge of graph.edges) {
    const [from, to] = endsOf(edge, ids);
    const arrow = edge.kind === "link" ? "-->" : "-.->";
    const label = labelOf(edge);
    lines.push(`  ${from} ${arrow}${label === "" ? "" : `|"${escapeMermaid(label)}"|`} ${to}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Mermaid reads `#35;` as a character reference (https://mermaid.js.org/syntax/flowchart.html, "Entity codes"). */
function escapeMermaid(text: string): string {
  return text.replace(/[^\p{L}\p{N} _.,:/=-]/gu, (character) => `#${character.codePointAt(0)};`);
}

const DOT_SHAPES: Readonly<Record<GraphNode["role"], string>> = {
  input: "cds",
  process: "box",
  dataset: "cylinder",
};

function renderDot(graph: Graph): string {
  const ids = idsOf(graph);
  const lines = ["digraph pipeline {", "  rankdir=LR;"];
  for (const node of graph.nodes) {
    const id = ids.get(keyOf(node.role, node.id));
    lines.push(`  ${id} [label=${quoteDot(node.name)}, shape=${DOT_SHAPES[node.role]}];`);
  }
  for (const edge of graph.edges) {
    const [from, to] = endsOf(edge, ids);
    const label = labelOf(edge);
    const attributes = [
      ...(label === "" ? [] : [`label=${quoteDot(label)}`]),
      ...(edge.kind === "link" ? [] : ["style=dashed"]),
    ];
    lines.push(`  ${from} -> ${to}${attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`};`);
  }
  return `${lines.join("\n")}\n}\n`;
}

/** A DOT label reads backslashes and HTML entities (https://graphviz.org/docs/attr-types/escString/). */
function quoteDot(text: string): string {
  const escaped = text
    .replaceAll("&", "&amp;")
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replace(/\r\n|\r|\n/g, "\\n")
    // oxlint-disable-next-line no-control-regex -- they have no meaning in a label, and some tools stop at them
    .replace(/[\u0000-\u001f]/g, " ");
  return `"${escaped}"`;
}

function labelOf(edge: GraphEdge): string {
  return [
    ...(edge.operations === undefined ? [] : [edge.operations.join(", ")]),
    ...(edge.locations === undefined ? [] : [`in ${edge.locations.join(", ")}`]),
    ...(edge.when === undefined ? [] : [`when ${edge.when}`]),
    ...(edge.loop === true ? ["loop"] : []),
  ].join(" · ");
}

/** A component and a dataset may have the same name. */
function keyOf(role: GraphNode["role"], id: string): string {
  return role === "dataset" ? `dataset ${id}` : `component ${id}`;
}

function idsOf(graph: Graph): ReadonlyMap<string, string> {
  return new Map(graph.nodes.map((node, index) => [keyOf(node.role, node.id), `n${index}`]));
}

function endsOf(edge: GraphEdge, ids: ReadonlyMap<string, string>): [from: string, to: string] {
  const from = keyOf(edge.kind === "reads" ? "dataset" : "process", edge.from);
  const to = keyOf(edge.kind === "writes" ? "dataset" : "process", edge.to);
  return [ids.get(from) ?? "", ids.get(to) ?? ""];
}
