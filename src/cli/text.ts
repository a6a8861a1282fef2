/**
 * Control characters, which could drive the reader's terminal; marks that reverse the direction of text, so that it
 * reads as what it is not; line separators; halves of surrogate pairs.
 */
const HARMFUL = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text from data, on one line and such that a terminal only shows it. */
export function harmless(text: string): string {
  return text.replace(HARMFUL, escape);
}

/** As `harmless`, for text that may have lines. */
export function harmlessLines(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(HARMFUL, (found) => (found === "\t" ? "    " : escape(found))));
}

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escape(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** JSON that stays JSON, without the characters that `JSON.stringify` leaves and a terminal would obey. */
export function toSafeJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, null, indent);
  return json.replace(HARMFUL, (found) => (found === "\n" ? found : escape(found)));
}

/** At most `width` characters, the last one saying that there was more. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

export function plural(count: number, singular: string, many: string = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : many}`;
}
