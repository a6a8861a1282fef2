import { Component, type VNode } from "preact";
import { shorten, visible } from "../format.ts";
import { MarkShape } from "../parts/mark.tsx";
import { isSameFace, type Face } from "./faces.ts";
import type { Box } from "./shapes.ts";

export interface NodeProps {
  readonly box: Box;
  readonly face: Face;
  readonly isChosen: boolean;
  readonly isDim: boolean;
  /** One node at a time is in the tab order; arrows go from there. */
  readonly isEntry: boolean;
  readonly onOpen: (box: Box) => void;
  readonly onAction: (box: Box, action: "pause" | "resume") => void;
  readonly onFocus: (box: Box) => void;
}

const NAME_LENGTH = 19;
const STORE_NAME_LENGTH = 21;

/** A component or a store. Redrawn only when what it shows has changed. */
export class Node extends Component<NodeProps> {
  override shouldComponentUpdate(next: NodeProps): boolean {
    const { props } = this;
    return (
      next.box !== props.box ||
      next.isChosen !== props.isChosen ||
      next.isDim !== props.isDim ||
      next.isEntry !== props.isEntry ||
      !isSameFace(next.face, props.face)
    );
  }

  override render({ box, face, isChosen, isDim, isEntry, onOpen, onAction, onFocus }: NodeProps): VNode {
    const { node } = box;
    const isStore = node.role === "dataset";
    const names = [
      "node",
      isStore && "store",
      isChosen && "chosen",
      isDim && "dim",
      face.action === "resume" && "is-paused",
    ];
    return (
      <g class={names.filter(Boolean).join(" ")} transform={`translate(${box.x} ${box.y})`}>
        <g
          class="card-button"
          role="button"
          tabindex={isEntry ? 0 : -1}
          data-key={box.key}
          aria-label={spoken(box, face)}
          aria-pressed={isChosen}
          onClick={() => onOpen(box)}
          onFocus={() => onFocus(box)}
        >
          {node.name.length > (isStore ? STORE_NAME_LENGTH : NAME_LENGTH) && (
            <title>{visible(node.name)}</title>
          )}
          {isStore ? <StoreBody box={box} face={face} /> : <CardBody box={box} face={face} />}
        </g>
        {face.action !== undefined && <Action box={box} action={face.action} onAction={onAction} />}
      </g>
    );
  }
}

/** Texts end in a space, which keeps them words of their own for whoever reads them out. */
function CardBody({ box, face }: { box: Box; face: Face }): VNode {
  const { width, height, node } = box;
  const alarm = face.tone === "bad" || face.tone === "warn" ? ` b-${face.tone}` : "";
  return (
    <>
      <rect class={`box${alarm}`} width={width} height={height} rx="11" />
      <rect class="halo" x="-3" y="-3" width={width + 6} height={height + 6} rx="14" />
      <g transform="translate(13 13)">
        <MarkShape tone={face.tone} label={face.word} />
      </g>
      <text class="n-name" x="33" y="23">
        {`${shorten(visible(node.name), NAME_LENGTH)} `}
      </text>
      <text class="n-small" x="13" y="42">
        {isCalm(face) ? (
          `${shorten(visible(`${node.role} · ${node.type}`), 22)} `
        ) : (
          <>
            <tspan class={`n-state f-${face.tone}`}>{face.word}</tspan>
            {` · ${shorten(visible(node.type), Math.max(8, 21 - face.word.length))} `}
          </>
        )}
      </text>
      {face.fresh !== "" && (
        <text class="n-label" x={width - 13} y="22" text-anchor="end">
          {`${face.fresh} `}
        </text>
      )}
      {face.spark !== "" && (
        <g transform={`translate(${width - 73} 29)`}>
          <path class="spark-area" d={`${face.spark}V20H${face.spark.slice(1).split(" ", 1)[0]}z`} />
          <path class="spark-line" d={face.spark} />
        </g>
      )}
      <path class="n-rule" d={`M0 54.500H${width}`} />
      {face.figures.map(({ label, value, look }, index) => (
        <g key={label} transform={`translate(${13 + index * 54} 0)`}>
          <text class="n-label" y="69">
            {`${label} `}
          </text>
          <text class={`n-value ${look}`} y="84">
            {`${value} `}
          </text>
        </g>
      ))}
    </>
  );
}

/** A store is drawn as a drum. */
function StoreBody({ box, face }: { box: Box; face: Face }): VNode {
  const { width, height, node } = box;
  const lid = 6;
  return (
    <>
      <path
        class="box"
        d={`M0 ${lid}c0 -8 ${width} -8 ${width} 0v${height - 2 * lid}c0 8 ${-width} 8 ${-width} 0z`}
      />
      <path class="store-lid" d={`M0 ${lid}c0 8 ${width} 8 ${width} 0`} />
      <rect class="halo" x="-3" y="-4" width={width + 6} height={height + 8} rx="12" />
      <text class="n-name" x={width / 2} y="29" text-anchor="middle">
        {`${shorten(visible(node.name), STORE_NAME_LENGTH)} `}
      </text>
      <text class="n-small" x={width / 2} y="43" text-anchor="middle">
        {storeNote(face)}
      </text>
    </>
  );
}

function Action({
  box,
  action,
  onAction,
}: {
  box: Box;
  action: "pause" | "resume";
  onAction: NodeProps["onAction"];
}): VNode {
  return (
    <g
      class="n-act"
      role="button"
      tabindex={-1}
      aria-label={`${action} ${visible(box.node.name)}`}
      transform={`translate(${box.width - 4} 4)`}
      onClick={() => onAction(box, action)}
    >
      <title>{action === "pause" ? "Pause (P)" : "Resume (P)"}</title>
      <circle r="12" />
      <path d={action === "pause" ? "M-2.800-4.500v9M2.800-4.500v9" : "M-2.800-4.800v9.600L4.800 0z"} />
    </g>
  );
}

/** What is seen, in its order, and then what only colour and shape tell. */
function spoken({ node }: Box, face: Face): string {
  const name = visible(node.name);
  if (node.role === "dataset") return `${name} ${storeNote(face)}`;
  const figures = face.figures.map(({ label, value }) => `${label} ${value}`).join(" ");
  const type = visible(node.type);
  const what = isCalm(face) ? `${node.role} · ${type}` : `${face.word} · ${type}`;
  return [name, what, face.fresh, `${figures}, ${isCalm(face) ? face.word : node.role}`]
    .filter(Boolean)
    .join(" ");
}

/** Nothing is the matter: the kind is told rather than the state. */
function isCalm({ tone, word }: Face): boolean {
  return tone === "ok" || tone === "busy" || word === "";
}

function storeNote({ fresh }: Face): string {
  return fresh === "" ? "dataset" : `written ${fresh}`;
}
