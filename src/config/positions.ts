import type { Position } from "./issue.ts";

/** The way to a value in a config file: keys and indexes. */
export type Path = readonly (string | number)[];

interface Entry {
  readonly key: number;
  readonly value: number;
}

/** Where the keys and values of a text are. */
export class Positions {
  readonly #lineStarts: readonly number[];
  readonly #entries = new Map<string, Entry>();

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#lineStarts = starts;
  }

  /** Notes a value at two offsets into the text; the first mention of a path stays. */
  add(path: Path, key: number, value: number): void {
    const id = idOf(path);
    if (!this.#entries.has(id)) this.#entries.set(id, { key, value });
  }

  /** Where the key of a value is; of what is not there, where the nearest that holds it is. */
  keyAt(path: Path): Position {
    return this.#find(path, "key");
  }

  /** Where a value starts; of what is not there, where the nearest that holds it does. */
  valueAt(path: Path): Position {
    return this.#find(path, "value");
  }

  #find(path: Path, part: keyof Entry): Position {
    for (let length = path.length; length > 0; length--) {
      const entry = this.#entries.get(idOf(path.slice(0, length)));
      if (entry !== undefined) return this.at(length === path.length ? entry[part] : entry.key);
    }
    return { line: 1, column: 1 };
  }

  /** The line and column of an offset. */
  at(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] as number) + 1 };
  }
}

function idOf(path: Path): string {
  return path.join("\u0000");
}

/** What a file says, not yet checked, and where it says it. */
export interface Source {
  readonly file: string;
  readonly value: unknown;
  readonly positions: Positions;
}
