import type { LagRow } from "../engine/rows.ts";
import { plural } from "./text.ts";
import { between, lapse } from "./time.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/**
 * What waits at an input's source, as people read it: `12 events, 40 kB, for 3m 4s`, and what that makes the source keep:
 * `9.1 kB (16 MB kept)`; `-` if it never told.
 */
export function lagText(lag: LagRow | null | undefined, now: string): string {
  if (lag === null || lag === undefined) return "-";
  const { events, bytes, oldest, retained } = lag;
  const kept = retained === null ? "" : ` (${sizeText(retained)} kept)`;
  if (events === 0 || (events === null && bytes === 0)) return `nothing${kept}`;
  const parts = [
    events === null ? "" : plural(events, "event"),
    bytes === null ? "" : sizeText(bytes),
    oldest === null ? "" : `for ${lapse(Math.max(0, between(oldest, now)))}`,
  ];
  return `${parts.filter((part) => part !== "").join(", ")}${kept}`;
}

function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1_000 && unit < UNITS.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}
