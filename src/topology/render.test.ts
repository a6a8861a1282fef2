import { expect, test } from "vitest";
import { parseDataset } from "../model/dataset.ts";
import { renderGraph } from "./render.ts";
import { Topology } from "./topology.ts";
import type { Graph } from "./types.ts";

function orders(): Graph {
  const topology = new Topology();
  const datasets = (...texts: string[]) => texts.map(parseDataset);
  topology.addInput({ role: "input", name: "hook", type: "webhook", reads: [] });
  topology.addInput({
    role: "input",
    name: "raw_orders",
    type: "postgres",
    reads: datasets("postgres://localhost/shop/raw.orders"),
  });
  topology.addProcess({
    role: "process",
    name: "land",
    type: "sql",
    reads: [],
    writes: datasets("raw.orders:create", "raw.orders:update"),
  });
  topology.addProcess({ role: "process", name: "enrich", type: "function", reads: [], writes: [] });
  topology.addProcess({ role: "process", name: "audit", type: "command", reads: [], writes: [] });
  topology.addLink({ from: "hook", to: "land" });
  topology.addLink({
    from: "raw_orders",
    to: "enrich",
    operations: ["insert"],
    locations: ["raw.*"],
  });
  topology.addLink({
    from: "enrich",
    to: "audit",
    when: 'data.note == "<b>" && data.total > 1000',
    loop: true,
  });
  return topology.graph();
}

test("mermaid", () => {
  expect(renderGraph(orders(), "mermaid")).toBe(
    `flowchart LR
  n0(["hook"])
  n1(["raw_orders"])
  n2["land"]
  n3["enrich"]
  n4["audit"]
  n5[("postgres://localhost/shop/raw.orders")]
  n0 --> n2
  n1 -->|"create #183; in raw.#42;"| n3
  n3 -->|"when data.note == #34;#60;b#62;#34; #38;#38; data.total #62; 1000 #183; loop"| n4
  n5 -.-> n1
  n2 -.->|"create, update"| n5
`,
  );
});

test("dot", () => {
  expect(renderGraph(orders(), "dot")).toBe(
    String.raw`digraph pipeline {
  rankdir=LR;
  n0 [label="hook", shape=cds];
  n1 [label="raw_orders", shape=cds];
  n2 [label="land", shape=box];
  n3 [label="enrich", shape=box];
  n4 [label="audit", shape=box];
  n5 [label="postgres://localhost/shop/raw.orders", shape=cylinder];
  n0 -> n2;
  n1 -> n3 [label="create · in raw.*"];
  n3 -> n4 [label="when data.note == \"<b>\" &amp;&amp; data.total > 1000 · loop"];
  n5 -> n1 [style=dashed];
  n2 -> n5 [label="create, update", style=dashed];
}
`,
  );
});

test("json is the graph itself", () => {
  expect(JSON.parse(renderGraph(orders(), "json"))).toEqual(orders());
  expect(orders().edges).toContainEqual({
    from: "land",
    to: "postgres://localhost/shop/raw.orders",
    kind: "writes",
    operations: ["create", "update"],
  });
});

test("a dataset and a component of the same name are two nodes", () => {
  const topology = new Topology();
  topology.addProcess({
    role: "process",
    name: "orders",
    type: "sql",
    reads: [],
    writes: [parseDataset("orders")],
  });
  expect(renderGraph(topology.graph(), "mermaid")).toBe(
    'flowchart LR\n  n0["orders"]\n  n1[("orders")]\n  n0 -.-> n1\n',
  );
});

test("whatever a name holds, it stays inside its quotes", () => {
  const name = 'x"; DROP TABLE y; --\n]\\N &lt;"|`';
  const graph: Graph = { nodes: [{ id: name, role: "dataset", name, type: "dataset" }], edges: [] };
  expect(renderGraph(graph, "mermaid")).toBe(
    'flowchart LR\n  n0[("x#34;#59; DROP TABLE y#59; --#10;#93;#92;N #38;lt#59;#34;#124;#96;")]\n',
  );
  expect(renderGraph(graph, "dot")).toContain(
    String.raw`n0 [label="x\"; DROP TABLE y; --\n]\\N &amp;lt;\"|` + '`", shape=cylinder];',
  );
});

test("datasets of one name in two namespaces stay apart, and apart from one that does not say", () => {
  const topology = new Topology();
  const reads = ["postgres://a/db/t", "postgres://b/db/t", "t"].map(parseDataset);
  topology.addInput({ role: "input", name: "in", type: "postgres", reads });
  const datasets = topology.graph().nodes.filter((node) => node.role === "dataset");
  expect(datasets.map((node) => node.id)).toEqual(["postgres://a/db/t", "postgres://b/db/t", "t"]);
});
