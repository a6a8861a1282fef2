// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Text for a log, with U+FFFD for control characters, which a terminal would obey. Tabs and line feeds stay. */
export function printable(text: string): string {
  return text.replace(CONTROL, "\uFFFD");
}
