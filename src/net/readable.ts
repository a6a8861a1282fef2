import { printable } from "../model/printable.ts";

/** The beginning of some bytes as text for a log: one line's worth, without control characters. */
export function readable(bytes: Uint8Array, longest: number, more: boolean): string {
  const whole = printable(new TextDecoder().decode(bytes)).trim();
  const cut = more || whole.length > longest;
  return cut ? `${whole.slice(0, longest)}…` : whole;
}
