import { Component, type VNode } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Live } from "../live.ts";
import { rateOf } from "../measures.ts";
import type { GraphEdge } from "../types.ts";
import type { Tone } from "../health.ts";
import { useNow } from "../parts/basics.tsx";
import { Mark } from "../parts/mark.tsx";
import { faceOf } from "./faces.ts";
import { layOut, type Direction } from "./layout.ts";
import { Node } from "./node.tsx";
import type { Box, Layout, Wire } from "./shapes.ts";
import { useViewport, type Viewport } from "./viewport.ts";

export interface DagProps {
  readonly live: Live;
  readonly chosen: string | undefined;
  readonly search: string;
  readonly onOpen: (box: Box | undefined) => void;
  readonly onAction: (box: Box, action: "pause" | "resume" | "restart") => void;
}

/** Beyond these, moving and fine things cost more frames than they tell. */
const MOVING_EDGES = 60;
const SPARKS = 150;

/** The pipeline as a picture: laid out once for a graph, patched with numbers every second. */
export function Dag({ live, chosen, search, onOpen, onAction }: DagProps): VNode {
  const { graph } = live;
  const [direction, setDirection] = useState<Direction>(fittingDirection);
  useEffect(() => {
    const narrow = matchMedia("(max-width: 860px)");
    const update = (): void => setDirection(fittingDirection());
    narrow.addEventListener("change", update);
    return () => narrow.removeEventListener("change", update);
  }, []);
  const layout = useMemo(() => layOut(graph, direction, roomNow()), [graph, direction]);
  const svg = useRef<SVGSVGElement>(null);
  const view = useViewport(svg, layout);
  const now = useNow();
  const [entry, setEntry] = useState<string | undefined>(undefined);
  const entryKey = entry ?? layout.boxes[0]?.key;
  const focus = useCallback((box: Box) => setEntry(box.key), []);

  const needle = search.trim().toLowerCase();
  const withSpark = graph.nodes.length <= SPARKS;
  const faces = new Map(layout.boxes.map((box) => [box.key, faceOf(box.node, live, now, withSpark)]));

  const onKey = (event: KeyboardEvent): void => {
    const box = layout.boxes.find(({ key }) => key === entryKey);
    if (box === undefined || !(event.target as Element).matches(".card-button")) return;
    if (event.key === "Enter" || event.key === " ") onOpen(box);
    else if (event.key === "p" || event.key === "P") {
      const action = faces.get(box.key)?.action;
      if (action !== undefined) onAction(box, action);
    } else if ((event.key === "r" || event.key === "R") && box.node.role === "input") {
      if (live.info.role !== "viewer") onAction(box, "restart");
    } else if (event.key.startsWith("Arrow")) {
      const next = neighbour(layout, box, event.key);
      if (next !== undefined) {
        setEntry(next.key);
        view.reveal(next);
        svg.current?.querySelector<SVGGElement>(`[data-key="${CSS.escape(next.key)}"]`)?.focus();
      }
    } else return;
    event.preventDefault();
  };

  useEffect(() => {
    const found = needle === "" ? undefined : layout.boxes.find((box) => matches(box, needle));
    if (found !== undefined) view.reveal(found);
  }, [needle, layout]);

  return (
    <div class="canvas">
      <svg
        ref={svg}
        class="dag"
        role="group"
        aria-label={`Pipeline ${live.info.name}: ${graph.nodes.length} nodes. Arrow keys move between them, Enter opens one, P pauses or resumes it, R restarts an input.`}
        onKeyDown={onKey}
        onPointerDown={view.onPointerDown}
      >
        <defs>
          <pattern id="dots" width="24" height="24" patternUnits="userSpaceOnUse">
            <circle class="grid" cx="2" cy="2" r="1" />
          </pattern>
        </defs>
        <rect width="100%" height="100%" fill="url(#dots)" aria-hidden="true" />
        <g ref={view.content}>
          <Wires layout={layout} live={live} />
          {layout.boxes.map((box) => (
            <Node
              key={box.key}
              box={box}
              face={faces.get(box.key) as ReturnType<typeof faceOf>}
              isChosen={box.key === chosen}
              isDim={needle !== "" && !matches(box, needle)}
              isEntry={box.key === entryKey}
              onOpen={onOpen}
              onAction={onAction}
              onFocus={focus}
            />
          ))}
        </g>
      </svg>
      <Legend />
      <Zoom view={view} />
    </div>
  );
}

function fittingDirection(): Direction {
  return matchMedia("(max-width: 860px)").matches ? "TB" : "LR";
}

/** About what the picture will have: it is laid out before it can be measured. */
function roomNow(): { width: number; height: number } {
  return { width: Math.max(320, innerWidth), height: Math.max(320, innerHeight - HEADINGS) };
}

const HEADINGS = 122;

function matches({ node }: Box, needle: string): boolean {
  return node.name.toLowerCase().includes(needle) || node.type.toLowerCase().includes(needle);
}

/** Data moves along a link as events are routed, and into and out of stores as their ends work. */
function Wires({ layout, live }: { layout: Layout; live: Live }): VNode {
  const rates = layout.wires.map(({ edge }) => flowOf(edge, live));
  const isMoving = rates.filter((rate) => rate > 0).length <= MOVING_EDGES;
  return (
    <g aria-hidden="true">
      {layout.wires.map((wire, index) => (
        <WirePath key={wire.key} wire={wire} flow={speedOf(rates[index] ?? 0)} isMoving={isMoving} />
      ))}
    </g>
  );
}

function flowOf(edge: GraphEdge, { series }: Live): number {
  if (edge.kind === "link") return series.get(edge.from)?.to.get(edge.to) ?? 0;
  return rateOf(series.get(edge.kind === "writes" ? edge.from : edge.to));
}

type Flow = "" | "flows" | "fast";

function speedOf(rate: number): Flow {
  return rate === 0 ? "" : rate > 20 ? "fast" : "flows";
}

interface WireProps {
  readonly wire: Wire;
  readonly flow: Flow;
  readonly isMoving: boolean;
}

class WirePath extends Component<WireProps> {
  override shouldComponentUpdate({ wire, flow, isMoving }: WireProps): boolean {
    const { props } = this;
    return wire !== props.wire || flow !== props.flow || isMoving !== props.isMoving;
  }

  override render({ wire: { edge, path, tip }, flow, isMoving }: WireProps): VNode {
    const names = [
      "edge",
      edge.kind !== "link" && "data",
      edge.loop === true && "loop",
      flow !== "" && "flows",
    ];
    return (
      <g>
        <path class={names.filter(Boolean).join(" ")} d={path} />
        {flow !== "" && isMoving && <path class={`stream ${flow}`} d={path} />}
        <path class={flow === "" ? "tip" : "tip flows"} d={tip} />
      </g>
    );
  }
}

/** The nearest node in the direction of an arrow: what lies straight ahead counts more than what lies aside. */
function neighbour(layout: Layout, from: Box, key: string): Box | undefined {
  const [dx, dy] =
    key === "ArrowRight" ? [1, 0] : key === "ArrowLeft" ? [-1, 0] : key === "ArrowDown" ? [0, 1] : [0, -1];
  let best: Box | undefined;
  let least = Infinity;
  for (const box of layout.boxes) {
    const x = box.x + box.width / 2 - (from.x + from.width / 2);
    const y = box.y + box.height / 2 - (from.y + from.height / 2);
    const ahead = x * dx + y * dy;
    if (box === from || ahead < 20) continue;
    const cost = ahead + 2.5 * Math.abs(x * dy + y * dx);
    if (cost < least) [least, best] = [cost, box];
  }
  return best;
}

const LEGEND: readonly (readonly [Tone, string])[] = [
  ["ok", "ready"],
  ["busy", "working"],
  ["warn", "needs a look"],
  ["bad", "failing"],
  ["idle", "not running"],
];

function Legend(): VNode {
  return (
    <div class="legend" aria-hidden="true">
      {LEGEND.map(([tone, word]) => (
        <span class="state" key={tone}>
          <Mark tone={tone} label={word} />
          {word}
        </span>
      ))}
    </div>
  );
}

function Zoom({ view }: { view: Viewport }): VNode {
  return (
    <div class="zoom" role="group" aria-label="Zoom">
      <button type="button" aria-label="Zoom in" title="Zoom in" onClick={() => view.zoom(1.3)}>
        +
      </button>
      <button type="button" aria-label="Zoom out" title="Zoom out" onClick={() => view.zoom(1 / 1.3)}>
        −
      </button>
      <button type="button" aria-label="Show all" title="Show all" onClick={view.fit}>
        ⤢
      </button>
    </div>
  );
}
