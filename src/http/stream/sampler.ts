/** Keeps the newest state of a few things by their id, and counts what it left out: many pass, few are shown. */
export class Sampler<Item> {
  readonly #limit: number;
  readonly #items = new Map<string, Item>();
  #skipped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `make` is only called if the item is kept. An urgent one takes the place of the oldest that `yields`. */
  add(id: string, make: () => Item, yields?: (item: Item) => boolean): void {
    if (this.#items.size >= this.#limit && !this.#items.has(id)) {
      this.#skipped += 1;
      const oldest = yields && [...this.#items].find(([, item]) => yields(item));
      if (oldest === undefined) return;
      this.#items.delete(oldest[0]);
    }
    this.#items.set(id, make());
  }

  /** What was kept since the last call; `undefined` if there was nothing. */
  drain(): { readonly items: readonly Item[]; readonly skipped: number } | undefined {
    if (this.#items.size === 0) return undefined;
    const drained = { items: [...this.#items.values()], skipped: this.#skipped };
    this.#items.clear();
    this.#skipped = 0;
    return drained;
  }
}
