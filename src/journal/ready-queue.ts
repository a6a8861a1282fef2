/** Something with a place in the order of all runs. */
export interface Keyed {
  readonly key: number;
}

const SMALLEST = 64;

/**
 * A queue that gives the lowest key first. Keys mostly arrive in order, so they stand in a ring; the few that come
 * back (retried, handed back, replayed) go through a heap.
 */
export class ReadyQueue<Item extends Keyed> {
  #ring: (Item | undefined)[] = new Array<Item | undefined>(SMALLEST).fill(undefined);
  #head = 0;
  #count = 0;
  /** The highest key in the ring. */
  #last = -1;
  readonly #returned: Item[] = [];

  get size(): number {
    return this.#count + this.#returned.length;
  }

  push(item: Item): void {
    if (this.#count > 0 && item.key <= this.#last) {
      heapPush(this.#returned, item, byKey);
      return;
    }
    if (this.#count === this.#ring.length) this.#resize(this.#count * 2);
    this.#last = item.key;
    this.#ring[(this.#head + this.#count++) & (this.#ring.length - 1)] = item;
  }

  /** Removes and answers the item with the lowest key. */
  shift(): Item | undefined {
    const first = this.#count === 0 ? undefined : this.#ring[this.#head];
    const returned = this.#returned[0];
    if (returned !== undefined && (first === undefined || returned.key < first.key)) {
      return heapShift(this.#returned, byKey);
    }
    if (first === undefined) return undefined;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count -= 1;
    if (this.#count === 0 && this.#ring.length > SMALLEST * 64) this.#resize(SMALLEST);
    return first;
  }

  /** The item with the lowest key. */
  peek(): Item | undefined {
    const first = this.#count === 0 ? undefined : this.#ring[this.#head];
    const returned = this.#returned[0];
    return returned !== undefined && (first === undefined || returned.key < first.key) ? returned : first;
  }

  /** In no order. */
  *[Symbol.iterator](): Generator<Item, void, undefined> {
    for (let i = 0; i < this.#count; i += 1)
      yield this.#ring[(this.#head + i) & (this.#ring.length - 1)] as Item;
    yield* this.#returned;
  }

  clear(): void {
    this.#count = 0;
    this.#resize(SMALLEST);
    this.#returned.length = 0;
  }

  #resize(length: number): void {
    const ring = new Array<Item | undefined>(length).fill(undefined);
    for (let i = 0; i < this.#count; i += 1) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}

function byKey(a: Keyed, b: Keyed): number {
  return a.key - b.key;
}

/** A binary heap in an array: the smallest first. */
export function heapPush<Item>(heap: Item[], item: Item, compare: (a: Item, b: Item) => number): void {
  let index = heap.push(item) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Item;
    if (compare(above, item) <= 0) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = item;
}

export function heapShift<Item>(heap: Item[], compare: (a: Item, b: Item) => number): Item | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return first;
  let index = 0;
  for (;;) {
    let child = index * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compare(heap[child + 1] as Item, heap[child] as Item) < 0) child += 1;
    const below = heap[child] as Item;
    if (compare(last, below) <= 0) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
  return first;
}
