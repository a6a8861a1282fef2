import { describe, expect, test } from "vitest";
import { layOut } from "../../ui/src/graph/layout.ts";
import type { Box } from "../../ui/src/graph/shapes.ts";
import type { Graph, GraphEdge, GraphNode } from "../../ui/src/types.ts";

const WINDOW = { width: 1_400, height: 780 };
const ENDLESS = { width: 100_000, height: 780 };

/** An input, and processes one behind the other. */
function chain(length: number): Graph {
  const nodes = Array.from({ length }, (_, index): GraphNode => {
    const name = `step_${index}`;
    return { id: name, role: index === 0 ? "input" : "process", name, type: "function" };
  });
  const edges = nodes.slice(1).map((node, index): GraphEdge => {
    return { from: `step_${index}`, to: node.id, kind: "link" };
  });
  return { nodes, edges };
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

describe("the picture of a pipeline", () => {
  test.each([
    ["LR", WINDOW],
    ["LR", ENDLESS],
    ["TB", WINDOW],
  ] as const)("has a place of its own for every node, within its bounds (%s, %o)", (direction, room) => {
    const { boxes, wires, width, height } = layOut(chain(24), direction, room);
    expect([boxes.length, wires.length]).toEqual([24, 23]);
    for (const [index, box] of boxes.entries()) {
      expect(boxes.slice(index + 1).filter((other) => overlap(box, other))).toEqual([]);
      expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height).toBe(
        true,
      );
    }
  });

  test("is folded into lines where it is too long for the window, and is larger for it", () => {
    const scale = ({ width, height }: { width: number; height: number }): number =>
      Math.min(WINDOW.width / width, WINDOW.height / height);
    const folded = layOut(chain(24), "LR", WINDOW);
    const straight = layOut(chain(24), "LR", ENDLESS);
    expect(new Set(straight.boxes.map(({ y }) => y)).size).toBe(1);
    expect(new Set(folded.boxes.map(({ y }) => y)).size).toBeGreaterThan(1);
    expect(scale(folded)).toBeGreaterThan(2 * scale(straight));
  });

  test("is empty, and no larger than that, where there are no nodes", () => {
    const empty = { boxes: [], wires: [], width: 0, height: 0 };
    expect(layOut({ nodes: [], edges: [] }, "LR", WINDOW)).toEqual(empty);
  });

  test("keeps a dataset apart from a component of the same name", () => {
    const { boxes, wires } = layOut(
      {
        nodes: [
          { id: "orders", role: "process", name: "orders", type: "sql" },
          { id: "orders", role: "dataset", name: "orders", type: "dataset" },
        ],
        edges: [{ from: "orders", to: "orders", kind: "writes" }],
      },
      "LR",
      WINDOW,
    );
    expect(boxes.map(({ key }) => key)).toEqual(["component:orders", "dataset:orders"]);
    expect(wires).toHaveLength(1);
  });

  test("draws a loop, and leaves out an end that there is not", () => {
    const { nodes, edges } = chain(3);
    const more: GraphEdge[] = [
      { from: "step_2", to: "step_1", kind: "link", loop: true },
      { from: "step_2", to: "nowhere", kind: "link" },
    ];
    expect(layOut({ nodes, edges: [...edges, ...more] }, "LR", WINDOW).wires).toHaveLength(3);
  });
});
