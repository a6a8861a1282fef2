import type { Redact } from "../model/mask.ts";
import { printable } from "../model/printable.ts";

/**
 * The beginning of some bytes as text for a log: one line's worth, without control characters. It is masked before it is
 * cut, or else what is left of a secret at the cut would be shown.
 */
export function readable(
  bytes: Uint8Array,
  longest: number,
  more: boolean,
  mask: Redact = (text) => text,
): string {
  const whole = mask(printable(new TextDecoder().decode(bytes)).trim());
  const cut = more || whole.length > longest;
  return cut ? `${whole.slice(0, longest)}…` : whole;
}
