import { visible } from "./format.ts";

/** Text in one look; `tone` is a class of ours, never something the text brought. */
export interface Styled {
  readonly text: string;
  readonly tone: string;
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
const SEQUENCE =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /\u001b\[([0-9;]{0,64})m|\u001b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\u001b\][^\u0007\u001b]{0,2000}(?:\u0007|\u001b\\)/g;

/** Reads colours (ECMA-48, Select Graphic Rendition) as tones, leaves cursor movements and titles out. */
export function parseAnsi(line: string): readonly Styled[] {
  const parts: Styled[] = [];
  let tone = "";
  let from = 0;
  const add = (text: string): void => {
    if (text !== "") parts.push({ text: visible(text), tone });
  };
  for (const match of line.matchAll(SEQUENCE)) {
    add(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[1] !== undefined) tone = toneAfter(tone, match[1]);
  }
  add(line.slice(from));
  return parts;
}

function toneAfter(before: string, codes: string): string {
  const tones = new Set(before.split(" ").filter(Boolean));
  for (const text of codes === "" ? ["0"] : codes.split(";")) {
    const code = Number(text);
    if (code === 0) tones.clear();
    if (code === 1) tones.add("ansi-bold");
    if (code === 2) tones.add("ansi-dim");
    if (code === 22) for (const weight of ["ansi-bold", "ansi-dim"]) tones.delete(weight);
    const colour = COLOURS[code >= 90 ? code - 90 : code - 30];
    if (colour === undefined && code !== 39) continue;
    for (const other of COLOURS) tones.delete(`ansi-${other}`);
    if (colour !== undefined) tones.add(`ansi-${colour}`);
  }
  return [...tones].join(" ");
}
