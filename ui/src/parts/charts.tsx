import type { VNode } from "preact";
import { formatDuration, formatRate } from "../format.ts";
import type { Sample } from "../measures.ts";

const WIDTH = 360;
const HEIGHT = 84;
const TOP = 20;
const SPAN = 120;

/** Throughput of the last two minutes, failures below it in red. */
export function RateChart({ samples }: { samples: readonly Sample[] }): VNode {
  const highest = Math.max(1, ...samples.map(({ rate, failures }) => Math.max(rate, failures)));
  const done = line(samples.map(({ rate }) => rate / highest));
  const failed = line(samples.map(({ failures }) => failures / highest));
  const hasFailed = samples.some(({ failures }) => failures > 0);
  return (
    <Frame
      label={`Throughput of the last two minutes, up to ${formatRate(highest)}`}
      top={formatRate(highest)}
    >
      {done !== "" && (
        <>
          <path class="spark-area" d={`${done}V${HEIGHT}H${startOf(samples.length)}z`} />
          <path class="spark-line" d={done} />
        </>
      )}
      {hasFailed && <path class="spark-line fail" d={failed} />}
    </Frame>
  );
}

/** One dot for each second: the mean duration of the attempts that ended in it. */
export function DurationChart({ samples }: { samples: readonly Sample[] }): VNode {
  const known = samples.map(({ duration }) => duration ?? -1);
  const highest = Math.max(1, ...known);
  return (
    <Frame
      label={`Mean duration of attempts in the last two minutes, up to ${formatDuration(highest)}`}
      top={formatDuration(highest)}
    >
      {known.map((duration, index) =>
        duration < 0 ? null : (
          <circle
            key={index}
            class="dot"
            r="2"
            cx={xOf(index, samples.length)}
            cy={HEIGHT - 4 - (duration / highest) * (HEIGHT - TOP - 8)}
          />
        ),
      )}
    </Frame>
  );
}

function Frame({ label, top, children }: { label: string; top: string; children: unknown }): VNode {
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="grid-line" d={`M0 ${TOP}H${WIDTH}`} />
      <text x="8" y="14">
        {top}
      </text>
      <text x={WIDTH - 8} y="14" text-anchor="end">
        2 minutes
      </text>
      {children as VNode}
    </svg>
  );
}

function xOf(index: number, count: number): number {
  return WIDTH - ((count - 1 - index) / (SPAN - 1)) * WIDTH;
}

function startOf(count: number): string {
  return xOf(0, count).toFixed(1);
}

function line(values: readonly number[]): string {
  if (values.length < 2) return "";
  return values
    .map((value, index) => {
      const y = HEIGHT - 2 - value * (HEIGHT - TOP - 2);
      return `${index === 0 ? "M" : "L"}${xOf(index, values.length).toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}
