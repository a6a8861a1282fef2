/** The version of each item that was sent, by the item's key: a bounded memory of what is not sent again. */
export class Seen {
  readonly #limit: number;
  /** The one that was met longest ago first. */
  readonly #versions: Map<string, string>;

  /** @param kept what `entries` answered before */
  constructor(limit: number, kept: unknown) {
    this.#limit = limit;
    this.#versions = new Map(Array.isArray(kept) ? kept.filter(isEntry) : []);
  }

  /** The version that was sent; `undefined` if none is remembered. It counts as met now. */
  meet(key: string): string | undefined {
    const version = this.#versions.get(key);
    if (version === undefined) return undefined;
    this.#versions.delete(key);
    this.#versions.set(key, version);
    return version;
  }

  note(key: string, version: string): void {
    this.#versions.delete(key);
    this.#versions.set(key, version);
  }

  /** Forgets those that were met longest ago, beyond the limit. */
  trim(): void {
    for (const key of this.#versions.keys()) {
      if (this.#versions.size <= this.#limit) return;
      this.#versions.delete(key);
    }
  }

  entries(): readonly (readonly [string, string])[] {
    return [...this.#versions];
  }
}

function isEntry(entry: unknown): entry is [string, string] {
  return Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "string";
}
