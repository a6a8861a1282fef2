import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatClock, formatDuration, shorten, visible } from "../format.ts";
import type { Tone } from "../health.ts";
import { MarkShape } from "./mark.tsx";

/** A line of the picture: something that took from `from` to `to`, or a moment where both are one. */
export interface Lane {
  readonly key: string;
  readonly depth: number;
  /** The lane that led to it, by its place in the list. */
  readonly parent?: number;
  readonly name: string;
  readonly detail: string;
  readonly tone: Tone;
  readonly from: number;
  readonly to: number;
  /** Beside the bar. */
  readonly note: string;
  readonly href?: string;
  readonly isMoment?: boolean;
}

const LINE = 34;
const TOP = 28;
const INDENT = 16;
const TICKS = 4;

/** Times from left to right, causes above what they caused. */
export function Timeline({ label, lanes }: { label: string; lanes: readonly Lane[] }): VNode {
  const svg = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(900);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0) setWidth(entry.contentRect.width);
    });
    if (svg.current !== null) observer.observe(svg.current);
    return () => observer.disconnect();
  }, []);
  const isNarrow = width < 560;
  const left = isNarrow ? 148 : Math.min(330, width * 0.36);
  const right = isNarrow ? 58 : 90;
  const first = Math.min(...lanes.map(({ from }) => from));
  const last = Math.max(...lanes.map(({ to }) => to), first + 1);
  const room = Math.max(40, width - left - right);
  const x = (time: number): number => left + ((time - first) / (last - first)) * room;
  const height = TOP + lanes.length * LINE + 6;
  const letters = Math.floor((left - 40) / 7.2);
  const ticks = isNarrow ? 2 : TICKS;
  return (
    <svg
      ref={svg}
      class="timeline"
      viewBox={`0 0 ${width} ${height}`}
      height={height}
      role="group"
      aria-label={label}
    >
      {Array.from({ length: ticks + 1 }, (_, index) => {
        const time = first + ((last - first) * index) / ticks;
        return (
          <g key={index}>
            <path class="axis" d={`M${x(time)} ${TOP - 6}V${height}`} />
            <text x={x(time)} y={14} text-anchor="middle">
              {index === 0 ? "0" : `+${formatDuration(time - first)}`}
            </text>
          </g>
        );
      })}
      {lanes.map((lane, index) => (
        <LaneLine
          key={lane.key}
          lane={lane}
          index={index}
          parent={lane.parent}
          width={width}
          letters={letters}
          x={x}
        />
      ))}
    </svg>
  );
}

interface LaneProps {
  readonly lane: Lane;
  readonly index: number;
  readonly parent: number | undefined;
  readonly width: number;
  readonly letters: number;
  readonly x: (time: number) => number;
}

function LaneLine({ lane, index, parent, width, letters, x }: LaneProps): VNode {
  const y = TOP + index * LINE;
  const middle = y + LINE / 2;
  const indent = lane.depth * INDENT;
  const start = x(lane.from);
  const end = Math.max(start + 3, x(lane.to));
  const room = Math.max(6, letters - Math.floor(indent / 7));
  const name = shorten(visible(lane.name), room);
  const left = room - name.length - 2;
  const detail = left < Math.min(9, lane.detail.length) ? "" : shorten(visible(lane.detail), left);
  const body = (
    <>
      <rect class="lane" x="0" y={y + 1} width={width} height={LINE - 2} rx="6" />
      {parent !== undefined && (
        <path class="wire" d={`M${indent - 8} ${TOP + parent * LINE + LINE / 2 + 8}V${middle}H${indent}`} />
      )}
      <g transform={`translate(${indent + 2} ${middle - 6})`}>
        {lane.isMoment === true ? (
          <rect class="f-busy" x="2" y="2" width="8" height="8" rx="1.500" transform="rotate(45 6 6)" />
        ) : (
          <MarkShape tone={lane.tone} label="" />
        )}
      </g>
      <text x={indent + 22} y={middle + 4}>
        <tspan class="name">{name}</tspan>
        {detail !== "" && <tspan dx="6">{detail}</tspan>}
      </text>
      {lane.isMoment === true ? (
        <rect
          class="f-busy"
          x={start - 5}
          y={middle - 5}
          width="10"
          height="10"
          rx="2"
          transform={`rotate(45 ${start} ${middle})`}
        />
      ) : (
        <rect class={`f-${lane.tone}`} x={start} y={middle - 6} width={end - start} height="12" rx="3" />
      )}
      <text x={(lane.isMoment === true ? start : end) + 10} y={middle + 4}>
        {visible(lane.note)}
      </text>
      <title>{`${visible(lane.name)} ${visible(lane.detail)}, ${formatClock(lane.from)}, ${visible(lane.note)}`}</title>
    </>
  );
  if (lane.href === undefined) return <g>{body}</g>;
  return <a href={lane.href}>{body}</a>;
}
