// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The beginning of some bytes as text for a log: one line's worth, without control characters. */
export function readable(bytes: Uint8Array, longest: number, more: boolean): string {
  const whole = new TextDecoder().decode(bytes).replace(CONTROL, "\uFFFD").trim();
  const cut = more || whole.length > longest;
  return cut ? `${whole.slice(0, longest)}…` : whole;
}
