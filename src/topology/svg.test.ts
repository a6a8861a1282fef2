import { expect, test } from "vitest";
import { renderSvg } from "./svg.ts";
import type { Graph, GraphNode } from "./types.ts";

const node = (role: GraphNode["role"], name: string): GraphNode => ({ id: name, role, name, type: "x" });

const SHOP: Graph = {
  nodes: [
    node("input", "orders"),
    node("process", "enrich"),
    node("process", "report"),
    node("dataset", "gold"),
  ],
  edges: [
    { from: "orders", to: "enrich", kind: "link", when: 'data.total > 1 && data.name == "<b>"' },
    { from: "enrich", to: "report", kind: "link" },
    { from: "report", to: "gold", kind: "writes" },
  ],
};

function columnOf(svg: string, name: string): number {
  const [, x] = new RegExp(`<title>${name} [^<]*</title>\\s*<rect [^>]* x="(\\d+)"`).exec(svg) ?? [];
  return Number(x);
}

test("stands from left to right, as events flow, with every node and edge", () => {
  const svg = renderSvg(SHOP);
  const columns = ["orders", "enrich", "report", "gold"].map((name) => columnOf(svg, name));
  expect(columns).toEqual(columns.toSorted((a, b) => a - b));
  expect(new Set(columns).size).toBe(4);
  expect(svg.match(/marker-end/g)).toHaveLength(3);
  expect(renderSvg(SHOP)).toBe(svg);
});

test("what names and expressions hold is text, and never markup", () => {
  const evil = '"><script>alert(1)</script>\u0000\ud800&';
  const svg = renderSvg({
    nodes: [node("dataset", evil), node("input", "i")],
    edges: [{ from: evil, to: "i", kind: "reads", operations: [evil] }],
  });
  expect(svg).not.toContain("<script>");
  expect(svg).toContain("&lt;script&gt;");
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  expect(svg).not.toMatch(/[\u0000\ud800]/);
});

test("loops, through a store too, end; an empty pipeline is an empty picture", () => {
  const nodes = [node("input", "i"), node("process", "p"), node("dataset", "d")];
  const svg = renderSvg({
    nodes,
    edges: [
      { from: "i", to: "p", kind: "link" },
      { from: "p", to: "d", kind: "writes" },
      { from: "d", to: "i", kind: "reads" },
      { from: "p", to: "p", kind: "link", loop: true },
    ],
  });
  expect(svg.match(/<rect/g)).toHaveLength(3);
  expect(renderSvg({ nodes: [], edges: [] })).toContain("</svg>");
});

test("five hundred nodes are drawn in a moment", () => {
  const nodes = Array.from({ length: 500 }, (_, n) => node(n < 10 ? "input" : "process", `n${n}`));
  const edges = nodes
    .slice(10)
    .flatMap(({ name }, n) =>
      [n, Math.floor(n / 2)].map((from) => ({ from: `n${from}`, to: name, kind: "link" as const })),
    );
  const started = performance.now();
  expect(renderSvg({ nodes, edges }).match(/<rect/g)).toHaveLength(500);
  expect(performance.now() - started).toBeLessThan(2_000);
});
