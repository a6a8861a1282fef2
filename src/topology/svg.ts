import type { Graph, GraphEdge, GraphNode } from "./types.ts";

const NODE = { width: 190, height: 44 };
const GAP = { x: 70, y: 24 };
const MARGIN = 20;
const LONGEST_NAME = 26;

interface Placed {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
}

/**
 * Draws the DAG as a picture that stands alone: columns from left to right, each as far right as what leads to it
 * demands; colours for light and dark. No script, no font, nothing from elsewhere; the order of the graph decides, so
 * the same pipeline always gives the same picture.
 */
export function renderSvg(graph: Graph): string {
  const columns = arrange(graph);
  const places = place(columns);
  const tallest = Math.max(1, ...columns.map((column) => column.length));
  const width = MARGIN * 2 + columns.length * (NODE.width + GAP.x) - GAP.x;
  const height = MARGIN * 2 + tallest * (NODE.height + GAP.y) - GAP.y;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="The pipeline">`,
    STYLE,
    ARROW,
    ...graph.edges.flatMap((edge) => drawEdge(edge, places)),
    ...[...places.values()].map(drawNode),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

const STYLE = `<style>
svg{font:13px system-ui,sans-serif;--ink:#1c2430;--line:#7b8794;--input:#d8f0e3;--process:#dce8fb;--dataset:#f6ecd2;--ground:#fff;background:var(--ground)}
@media (prefers-color-scheme:dark){svg{--ink:#e6eaf0;--line:#7d8896;--input:#1f4a37;--process:#233f66;--dataset:#54451c;--ground:#12161c}}
text{fill:var(--ink)}.kind{font-size:10px;opacity:.75}.node{stroke:var(--line)}.input{fill:var(--input)}.process{fill:var(--process)}.dataset{fill:var(--dataset)}
path{fill:none;stroke:var(--line);stroke-width:1.5}.data{stroke-dasharray:4 3}marker path{fill:var(--line);stroke:none}
</style>`;

const ARROW = `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>`;

/** Nodes by column: the longest way to them, cycles that are meant left out; within it near what they hang on. */
function arrange({ nodes, edges }: Graph): readonly GraphNode[][] {
  const byKey = new Map(nodes.map((node) => [keyOf(node.role, node.id), node]));
  const before = new Map<string, string[]>();
  for (const edge of edges) {
    if (edge.loop === true) continue;
    const [from, to] = endsOf(edge);
    if (!byKey.has(from) || !byKey.has(to)) continue;
    before.set(to, [...(before.get(to) ?? []), from]);
  }
  const depths = new Map<string, number>();
  const depthOf = (key: string, way: ReadonlySet<string>): number => {
    const known = depths.get(key);
    if (known !== undefined) return known;
    let depth = 0;
    for (const one of before.get(key) ?? []) {
      // A loop through a store, which may be meant: it is drawn backwards.
      if (!way.has(one)) depth = Math.max(depth, depthOf(one, new Set([...way, one])) + 1);
    }
    depths.set(key, depth);
    return depth;
  };
  const columns: GraphNode[][] = [];
  for (const [key, node] of byKey) (columns[depthOf(key, new Set([key]))] ??= []).push(node);
  return sortColumns(
    columns.filter((column) => column !== undefined),
    before,
  );
}

function sortColumns(
  columns: readonly GraphNode[][],
  before: ReadonlyMap<string, readonly string[]>,
): readonly GraphNode[][] {
  const rows = new Map<string, number>();
  const wish = (node: GraphNode, index: number): number => {
    const above = (before.get(keyOf(node.role, node.id)) ?? []).flatMap((key) => rows.get(key) ?? []);
    return above.length === 0 ? index : above.reduce((sum, row) => sum + row, 0) / above.length;
  };
  return columns.map((column) => {
    const sorted = column
      .map((node, index) => ({ node, wish: wish(node, index) }))
      .sort((a, b) => a.wish - b.wish)
      .map(({ node }) => node);
    for (const [row, node] of sorted.entries()) rows.set(keyOf(node.role, node.id), row);
    return sorted;
  });
}

function place(columns: readonly GraphNode[][]): ReadonlyMap<string, Placed> {
  return new Map(
    columns.flatMap((column, index) =>
      column.map((node, row) => {
        const x = MARGIN + index * (NODE.width + GAP.x);
        const y = MARGIN + row * (NODE.height + GAP.y);
        return [keyOf(node.role, node.id), { node, x, y }] as const;
      }),
    ),
  );
}

function drawNode({ node, x, y }: Placed): string {
  const { width, height } = NODE;
  const radius = { input: height / 2, process: 4, dataset: 12 }[node.role];
  const middle = x + width / 2;
  // Cut by characters of 16 bits: half of a pair that is left is made well-formed.
  const shown = node.name.length <= LONGEST_NAME ? node.name : `${node.name.slice(0, LONGEST_NAME - 1)}…`;
  const kind = node.role === "dataset" ? "dataset" : `${node.role} · ${node.type}`;
  return [
    `<g><title>${escapeXml(`${node.name} (${kind})`)}</title>`,
    `<rect class="node ${node.role}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`,
    `<text x="${middle}" y="${y + 19}" text-anchor="middle">${escapeXml(shown)}</text>`,
    `<text class="kind" x="${middle}" y="${y + 34}" text-anchor="middle">${escapeXml(kind)}</text></g>`,
  ].join("");
}

function drawEdge(edge: GraphEdge, places: ReadonlyMap<string, Placed>): readonly string[] {
  const [from, to] = endsOf(edge).map((key) => places.get(key));
  if (from === undefined || to === undefined) return [];
  const start = { x: from.x + NODE.width, y: from.y + NODE.height / 2 };
  const end = { x: to.x, y: to.y + NODE.height / 2 };
  const bend = Math.max(40, Math.abs(end.x - start.x) / 2);
  const shape = `M${start.x} ${start.y}C${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x - 2} ${end.y}`;
  const title = escapeXml(titleOf(edge));
  return [
    `<path class="${edge.kind === "link" ? "link" : "data"}" d="${shape}" marker-end="url(#arrow)"><title>${title}</title></path>`,
  ];
}

function titleOf({ from, to, operations, locations, when, loop }: GraphEdge): string {
  const conditions = [
    ...(operations === undefined ? [] : [operations.join(", ")]),
    ...(locations === undefined ? [] : [`in ${locations.join(", ")}`]),
    ...(when === undefined ? [] : [`when ${when}`]),
    ...(loop === true ? ["loop"] : []),
  ];
  return [`${from} → ${to}`, ...conditions].join(" · ");
}

/** A component and a dataset may have the same name. */
function keyOf(role: GraphNode["role"], id: string): string {
  return role === "dataset" ? `dataset ${id}` : `component ${id}`;
}

function endsOf({ from, to, kind }: GraphEdge): [from: string, to: string] {
  return [
    keyOf(kind === "reads" ? "dataset" : "process", from),
    keyOf(kind === "writes" ? "dataset" : "process", to),
  ];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** What XML 1.0 has no way to write (section 2.2) is shown as a replacement. */
function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
      // oxlint-disable-next-line no-control-regex -- XML 1.0 refuses them, however they are written
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
  );
}
