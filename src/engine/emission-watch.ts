import { EVERY_RECORD, PREVIOUS_ID_HEADER, type EventRecord } from "../model/event.ts";

/** How long a record counts as told of, at least, beyond the read that is under way: milliseconds. */
const KEPT = 10_000;

/** Remembers of which records an input has told lately. */
export class EmissionWatch {
  #young = new Set<string>();
  #old: ReadonlySet<string> = new Set();
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  /** To be told of each event when it is emitted, before it is durable. */
  saw({ location, id, headers }: EventRecord): void {
    this.#young.add(nameOf(location, id));
    // The record has another id now; under its old one it is no more.
    if (headers === null) return;
    const { [PREVIOUS_ID_HEADER]: previous } = JSON.parse(headers) as Readonly<Record<string, string>>;
    if (previous !== undefined) this.#young.add(nameOf(location, previous));
  }

  /**
   * Begins a read: what was told of since stays known until the next one. And some of what was told of before, for
   * a replication slot may tell of a transaction a moment before others can see what it has done.
   */
  beginRead(now: number): void {
    if (now - this.#since < KEPT) return;
    this.#old = this.#young;
    this.#young = new Set();
    this.#since = now;
  }

  has(location: string, id: string): boolean {
    return this.#knows(nameOf(location, id)) || this.#knows(nameOf(location, EVERY_RECORD));
  }

  #knows(name: string): boolean {
    return this.#young.has(name) || this.#old.has(name);
  }
}

function nameOf(location: string, id: string): string {
  return `${location}\n${id}`;
}
