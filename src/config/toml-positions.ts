import type { Path, Positions } from "./positions.ts";

/**
 * Notes where the tables, keys and values of a TOML text are (https://toml.io/en/v1.0.0). The text has been parsed
 * before, so that it is known to be right: this only has to find things again, and to come to an end.
 */
export function findTomlPositions(text: string, positions: Positions): void {
  new Finder(text, positions).document();
}

interface Key {
  readonly name: string;
  readonly offset: number;
}

class Finder {
  readonly #text: string;
  readonly #positions: Positions;
  /** How many `[[…]]` there have been of a name, by its path. */
  readonly #counts = new Map<string, number>();
  #at = 0;

  constructor(text: string, positions: Positions) {
    this.#text = text;
    this.#positions = positions;
  }

  document(): void {
    let table: Path = [];
    for (this.#blank(); this.#at < this.#text.length; this.#blank()) {
      const start = this.#at;
      if (this.#text[start] === "[") table = this.#header();
      else this.#pair(table);
      if (this.#at === start) this.#at++;
    }
  }

  /** `[a.b]` or `[[a.b]]`: an element of the array that was opened last, for each name that is one. */
  #header(): Path {
    const start = this.#at;
    const isElement = this.#text.startsWith("[[", start);
    this.#at += isElement ? 2 : 1;
    const keys = this.#keys();
    this.#skipTo("]");
    this.#at += isElement ? 2 : 1;
    const path: (string | number)[] = [];
    for (const [index, key] of keys.entries()) {
      path.push(key.name);
      const id = path.join("\u0000");
      if (isElement && index === keys.length - 1) {
        this.#positions.add([...path], start, start);
        this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
      }
      const count = this.#counts.get(id);
      if (count !== undefined) path.push(count - 1);
      this.#positions.add([...path], start, start);
    }
    return path;
  }

  #pair(table: Path): void {
    const keys = this.#keys();
    this.#skipTo("=");
    this.#at++;
    this.#space();
    const path = [...table];
    for (const key of keys.slice(0, -1)) {
      path.push(key.name);
      this.#positions.add([...path], key.offset, key.offset);
    }
    const last = keys.at(-1);
    if (last !== undefined) this.#value([...path, last.name], last.offset);
  }

  #keys(): readonly Key[] {
    const keys: Key[] = [];
    for (;;) {
      this.#space();
      const offset = this.#at;
      const quote = this.#text[offset];
      if (quote === '"' || quote === "'") {
        this.#string();
        keys.push({ name: unquote(this.#text.slice(offset, this.#at)), offset });
      } else {
        while (/[\w-]/.test(this.#text[this.#at] ?? "")) this.#at++;
        keys.push({ name: this.#text.slice(offset, this.#at), offset });
      }
      this.#space();
      if (this.#text[this.#at] !== ".") return keys;
      this.#at++;
    }
  }

  #value(path: Path, key: number): void {
    const start = this.#at;
    this.#positions.add(path, key, start);
    const first = this.#text[start];
    if (first === '"' || first === "'") this.#string();
    else if (first === "[") this.#list("]", (index) => this.#value([...path, index], this.#at));
    else if (first === "{") this.#list("}", () => this.#pair(path));
    else while (this.#at < this.#text.length && !/[,\]}#\n]/.test(this.#text[this.#at] as string)) this.#at++;
  }

  /** An array or an inline table. */
  #list(close: string, item: (index: number) => void): void {
    this.#at++;
    for (let index = 0; this.#at < this.#text.length; index++) {
      this.#blank();
      if (this.#text[this.#at] === close) break;
      const start = this.#at;
      item(index);
      this.#blank();
      if (this.#text[this.#at] === ",") this.#at++;
      if (this.#at === start) break;
    }
    this.#at++;
  }

  #string(): void {
    const quote = this.#text[this.#at] as string;
    const triple = quote.repeat(3);
    const isLong = this.#text.startsWith(triple, this.#at);
    const end = isLong ? triple : quote;
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      this.#at += quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1;
    }
    this.#at += end.length;
    // up to two more quotes may stand before the three that end a long string
    while (isLong && this.#text[this.#at] === quote) this.#at++;
  }

  #skipTo(character: string): void {
    const found = this.#text.indexOf(character, this.#at);
    this.#at = found === -1 ? this.#text.length : found;
  }

  #space(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  /** White space, line ends and comments. */
  #blank(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] as string;
      if (character === "#") {
        this.#skipTo("\n");
        if (this.#at === this.#text.length) return;
      } else if (!/\s/.test(character)) return;
    }
  }
}

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("'") || !inner.includes("\\")) return inner;
  return inner.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g,
    (_, short?: string, long?: string, byte?: string, character?: string) => {
      const code = short ?? long ?? byte;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return ESCAPES[character as string] ?? (character as string);
    },
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\u001b",
};
