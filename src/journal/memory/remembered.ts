/**
 * What was put in last: at least `kept` entries, at most twice as many. A whole generation is forgotten at once, since
 * a `Map` that gives up its oldest entry again and again walks over all that are gone.
 */
export class Remembered {
  readonly #kept: number;
  #young = new Map<string, string>();
  #old: ReadonlyMap<string, string> = new Map();

  constructor(kept: number) {
    this.#kept = kept;
  }

  get(key: string): string | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, value: string): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#kept) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
