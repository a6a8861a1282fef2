/** Names of inputs and processes as small numbers. Given out here, written down with the next batch. */
export class Names {
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();
  /** Not on disk yet. */
  readonly #fresh: (number | string)[] = [];
  #next = 1;

  constructor(known: readonly (readonly [number, string])[]) {
    for (const [id, name] of known) this.#add(id, name);
  }

  id(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#next;
    this.#add(id, name);
    this.#fresh.push(id, name);
    return id;
  }

  name(id: number): string {
    return this.#names.get(id) ?? "";
  }

  /** Id and name by turns. */
  get fresh(): readonly (number | string)[] {
    return this.#fresh;
  }

  /** The first of them are on disk now. */
  saved(count: number): void {
    this.#fresh.splice(0, count);
  }

  #add(id: number, name: string): void {
    this.#ids.set(name, id);
    this.#names.set(id, name);
    if (id >= this.#next) this.#next = id + 1;
  }
}
