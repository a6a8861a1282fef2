import { describe, expect, test } from "vitest";
import { parseDataset } from "../model/dataset.ts";
import type { Operation } from "../model/operation.ts";
import { Topology } from "./topology.ts";
import type { InputNode, LinkSpec, ProcessNode } from "./types.ts";

function input(name: string, reads: string[] = [], operations?: Operation[]): InputNode {
  return {
    role: "input",
    name,
    type: "test",
    reads: reads.map(parseDataset),
    ...(operations && { operations }),
  };
}

function process(name: string, writes: string[] = []): ProcessNode {
  return { role: "process", name, type: "test", reads: [], writes: writes.map(parseDataset) };
}

/** Adds what is given; links are `from → to`. */
function topologyOf(nodes: readonly (InputNode | ProcessNode)[], ...links: (string | LinkSpec)[]): Topology {
  const topology = new Topology();
  for (const node of nodes) {
    if (node.role === "input") topology.addInput(node);
    else topology.addProcess(node);
  }
  for (const link of links) topology.addLink(typeof link === "string" ? between(link) : link);
  return topology;
}

function between(text: string): LinkSpec {
  const [from, to] = text.split(" → ") as [string, string];
  return { from, to };
}

function refused(code: string, message = "", details: object = {}): unknown {
  return expect.objectContaining({
    code,
    message: expect.stringContaining(message),
    details: expect.objectContaining(details),
  });
}

describe("names", () => {
  test("inputs and processes share one namespace", () => {
    const topology = topologyOf([input("orders")]);
    expect(() => topology.addProcess(process("orders"))).toThrow(
      refused("DUPLICATE_NAME", 'an input named "orders"'),
    );
    expect(topology.nodes()).toEqual([input("orders")]);
  });

  test.each(["", "a b", "-x", "x/y", "ä", "a".repeat(101), "x~1"])("%j is no name", (name) => {
    expect(() => topologyOf([process(name)])).toThrow(refused("INVALID_NAME"));
  });

  test.each(["__proto__", "constructor", "toString"])("%j, which every object has, is no name", (name) => {
    expect(() => topologyOf([input(name)])).toThrow(refused("INVALID_NAME"));
  });
});

describe("links", () => {
  const nodes = [input("orders"), input("other"), process("enrich"), process("report")];

  test.each<[LinkSpec, string, string]>([
    [{ from: "order", to: "enrich" }, "UNKNOWN_NAME", 'named "order"; did you mean "orders"?'],
    [{ from: "orders", to: "enrihc" }, "UNKNOWN_NAME", 'no process named "enrihc"; did you mean "enrich"?'],
    [{ from: "orders", to: "something else" }, "UNKNOWN_NAME", 'no process named "something else"'],
    [{ from: "enrich", to: "enrich" }, "SELF_LINK", '"enrich"'],
    [{ from: "enrich", to: "enrich", loop: true }, "SELF_LINK", '"enrich"'],
    [{ from: "orders", to: "other" }, "INVALID_OPTIONS", '"other" is an input'],
    [{ from: "orders", to: "report", when: "1" }, "INVALID_EXPRESSION", "link orders → report"],
    [{ from: "orders", to: "enrich", operations: ["create"] }, "DUPLICATE_LINK", "orders → enrich"],
  ])("%j is refused with %s, and nothing is changed", (link, code, message) => {
    const topology = topologyOf(nodes, "orders → enrich");
    expect(() => topology.addLink(link)).toThrow(refused(code, message));
    expect(topology.links()).toEqual([{ from: "orders", to: "enrich" }]);
  });

  test("what is kept of a link is its conditions, spelled alike", () => {
    const topology = topologyOf(nodes, {
      from: "orders",
      to: "enrich",
      operations: ["Insert", "create", "REMOVE"],
      loop: false,
    });
    expect(topology.links()).toEqual([{ from: "orders", to: "enrich", operations: ["create", "delete"] }]);
  });
});

describe("changes", () => {
  const event = { operation: "create", location: "x" } as never;
  const matches = (topology: Topology) =>
    topology
      .route("orders")(event)
      .map((match) => match.process);

  test("a route follows links that are added and removed", () => {
    const topology = topologyOf([input("orders"), process("a"), process("b")], "orders → a");
    expect(matches(topology)).toEqual(["a"]);
    topology.addLink(between("orders → b"));
    expect(matches(topology)).toEqual(["a", "b"]);
    topology.removeLink("orders", "a");
    expect(matches(topology)).toEqual(["b"]);
    topology.removeNode("b");
    expect(matches(topology)).toEqual([]);
  });

  test("asking twice answers the same route", () => {
    const topology = topologyOf([input("orders"), process("a")], "orders → a");
    expect(topology.route("orders")).toBe(topology.route("orders"));
  });

  test("a removed node takes its links along, and its name is free", () => {
    const topology = topologyOf(
      [input("orders"), process("a"), process("b"), process("c")],
      "orders → a",
      "a → b",
      "orders → c",
    );
    topology.removeNode("a");
    expect(topology.links()).toEqual([{ from: "orders", to: "c" }]);
    topology.addProcess(process("a"));
    expect(topology.links()).toEqual([{ from: "orders", to: "c" }]);
    expect(topology.node("a")).toEqual(process("a"));
  });

  test("what is not there cannot be removed or asked for", () => {
    const topology = topologyOf([input("orders"), process("a")]);
    expect(() => topology.removeNode("order")).toThrow(refused("UNKNOWN_NAME", 'did you mean "orders"?'));
    expect(() => topology.removeLink("orders", "a")).toThrow(refused("UNKNOWN_NAME", "orders → a"));
    expect(() => topology.removeLink("nobody", "a")).toThrow(refused("UNKNOWN_NAME"));
    expect(() => topology.route("nobody")).toThrow(refused("UNKNOWN_NAME"));
    expect(topology.node("nobody")).toBeUndefined();
  });
});

describe("cycles", () => {
  test("through processes are refused with their path", () => {
    const topology = topologyOf([process("a"), process("b"), process("c")], "a → b", "b → c");
    expect(() => topology.addLink(between("c → a"))).toThrow(
      refused("CYCLE", "closes a cycle: a → b → c → a;", { path: ["a", "b", "c", "a"] }),
    );
  });

  test("through a dataset are refused with their path", () => {
    const nodes = [input("raw_orders", ["raw.orders"]), process("enrich", ["raw.orders:update"])];
    expect(() => topologyOf(nodes, "raw_orders → enrich")).toThrow(
      refused("CYCLE", "enrich → raw.orders:update → raw_orders → enrich;"),
    );
  });

  test("through two datasets and several processes are found too, by the shortest way", () => {
    const nodes = [
      input("raw", ["t.raw"]),
      input("gold", ["t.gold"]),
      process("a"),
      process("b", ["t.gold"]),
      process("c", ["t.raw:create", "t.other"]),
    ];
    const topology = topologyOf(nodes, "raw → a", "a → b");
    expect(() => topology.addLink(between("gold → c"))).toThrow(
      refused("CYCLE", "c → t.raw:create → raw → a → b → t.gold → gold → c;"),
    );
    topology.addLink({ from: "gold", to: "c", loop: true });
  });

  test("a loop that is meant may be said on any link of it", () => {
    const topology = topologyOf([process("a"), process("b"), process("c")], "a → b", {
      from: "b",
      to: "c",
      loop: true,
    });
    topology.addLink(between("c → a"));
    expect(topology.links()).toHaveLength(3);
  });

  test("a loop that is meant does not excuse another", () => {
    const topology = topologyOf([process("a"), process("b"), process("c")], "a → b", {
      from: "b",
      to: "a",
      loop: true,
    });
    topology.addLink(between("b → c"));
    expect(() => topology.addLink(between("c → a"))).toThrow(refused("CYCLE", "a → b → c → a;"));
  });

  test.each<[string, string[], string[], LinkSpec["operations"], Operation[] | undefined]>([
    ["the reader sees other operations", ["t:create"], ["t:update"], undefined, undefined],
    ["the link lets other operations through", ["t:update"], ["t"], ["insert"], undefined],
    ["the input lets other operations through", ["t:update"], ["t"], undefined, ["create"]],
    ["all is narrowed on the way, and nothing is left", ["t"], ["t:create"], ["update"], undefined],
    ["the database is another", ["postgres://a/x/t"], ["postgres://b/x/t"], undefined, undefined],
  ])("there is none where %s", (_, writes, reads, operations, filter) => {
    const link = { from: "in", to: "out", ...(operations && { operations }) };
    const topology = topologyOf([input("in", reads, filter), process("out", writes)], link);
    expect(topology.links()).toHaveLength(1);
  });

  test("a dataset that does not say its database may be in any", () => {
    const nodes = [input("in", ["postgres://a/x/t"]), process("out", ["t"])];
    expect(() => topologyOf(nodes, "in → out")).toThrow(refused("CYCLE", "out → t → in → out;"));
  });

  test("what a process only reads closes none", () => {
    const reader: ProcessNode = { ...process("out"), reads: [parseDataset("t")] };
    expect(topologyOf([input("in", ["t"]), reader], "in → out").links()).toHaveLength(1);
  });

  test("a deep and wide graph is searched in linear time", () => {
    const names = Array.from({ length: 300 }, (_, index) => `p${index}`);
    const topology = topologyOf(names.map((name) => process(name)));
    for (let from = 0; from < names.length; from++) {
      for (let to = from + 1; to < Math.min(names.length, from + 4); to++) {
        topology.addLink({ from: names[from] as string, to: names[to] as string });
      }
    }
    expect(() => topology.addLink({ from: "p299", to: "p0" })).toThrow(
      refused("CYCLE", "", { path: expect.objectContaining({ length: 102 }) }),
    );
  });
});
