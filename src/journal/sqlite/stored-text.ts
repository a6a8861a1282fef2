const MARK = "\u0001";

/**
 * SQLite's text is UTF-8, which has no lone surrogates: it would keep another character in their place. Text that
 * has some is kept as JSON, whose escapes are plain, behind a mark.
 */
export function toStoredText(text: string): string {
  return text.isWellFormed() && !text.startsWith(MARK) ? text : MARK + JSON.stringify(text);
}

export function fromStoredText(text: string): string {
  return text.startsWith(MARK) ? (JSON.parse(text.slice(1)) as string) : text;
}
