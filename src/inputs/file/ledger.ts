import { hash } from "node:crypto";
import { sleep } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { isSluiceError } from "../../model/errors.ts";
import type { EventInit } from "../../model/event.ts";
import { inodeOf } from "./place.ts";

/** What is remembered of a file. */
export interface Entry {
  /** What `signatureOf` said of it, or only its inode if it must be looked at again in any case. */
  readonly seen: string;
  /** Of its first `offset` bytes: see `proof.ts`. */
  readonly proof: string;
  /** How far it was told. */
  readonly offset: number;
  /** Lines before the offset. */
  readonly line: number;
  /** It was not told to its end: the operation of what is left. */
  readonly rest?: "create" | "update";
  /** Not all of it was told, so `after` lets it be: it was there before the very first start, or lines were left out. */
  readonly stays?: true;
  /** Of CSV: the columns' names, or how many there are. */
  readonly columns?: readonly string[] | number;
}

/** A step: what became of a file (`null`: it is gone), and the events that tell of it. */
interface Step {
  readonly location: string;
  readonly entry: Entry | null;
  readonly events: readonly EventInit[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Bucket = ReadonlyMap<string, Entry>;

/** So many that a commit, which writes whole buckets, stays small with tens of thousands of files. */
const BUCKETS = 1_024;
const MOST_EVENTS = 5_000;
const BEGUN = "begun";
const BUSY = 200;

/**
 * What was told of which file, in the journal's state. A step's events and what it remembers are one commit, and there
 * is one commit at a time, for all steps that wait: so what is remembered never runs ahead of what was told, nor behind.
 */
export class Ledger {
  readonly #context: InputContext;
  readonly #buckets: Map<string, Bucket>;
  readonly #inodes = new Map<string, string>();
  #steps: Step[] = [];
  #isCommitting = false;
  #failure: { readonly error: unknown } | undefined;
  /** Whether the files of the very first start are behind us. */
  hasBegun: boolean;

  private constructor(context: InputContext, buckets: Map<string, Bucket>, hasBegun: boolean) {
    this.#context = context;
    this.#buckets = buckets;
    this.hasBegun = hasBegun;
    for (const [location, { seen }] of this.entries()) this.#inodes.set(inodeOf(seen), location);
  }

  static async open(context: InputContext): Promise<Ledger> {
    const { state } = context;
    const hasBegun = (await state.get(BEGUN))?.value === true;
    const keys = Array.from({ length: BUCKETS }, (_, bucket) => keyOf(bucket));
    const read = keys.map(async (key) => [key, readBucket((await state.get(key))?.value)] as const);
    return new Ledger(context, new Map(await Promise.all(read)), hasBegun);
  }

  get(location: string): Entry | undefined {
    return this.#buckets.get(bucketOf(location))?.get(location);
  }

  /** Where the file with that inode was seen last. */
  locationOf(inode: string): string | undefined {
    return this.#inodes.get(inode);
  }

  *entries(): Iterable<readonly [string, Entry]> {
    for (const bucket of this.#buckets.values()) yield* bucket;
  }

  async begin(): Promise<void> {
    if (this.hasBegun) return;
    await this.#context.state.put(BEGUN, true);
    this.hasBegun = true;
  }

  /** Resolves once the events are durable, and with them what is remembered. */
  save(location: string, entry: Entry | null, events: readonly EventInit[] = []): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure.error);
        return;
      }
      this.#steps.push({ location, entry, events, resolve, reject });
      void this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    while (this.#steps.length > 0) {
      const steps = this.#takeSteps();
      try {
        await this.#commit(steps);
        for (const step of steps) step.resolve();
      } catch (error) {
        this.#failure = { error };
        for (const step of [...steps, ...this.#steps.splice(0)]) step.reject(error);
      }
    }
    this.#isCommitting = false;
  }

  #takeSteps(): Step[] {
    let events = 0;
    let count = 0;
    for (const step of this.#steps) {
      events += step.events.length;
      if (count > 0 && events > MOST_EVENTS) break;
      count += 1;
    }
    return this.#steps.splice(0, count);
  }

  async #commit(steps: readonly Step[]): Promise<void> {
    const changed = new Map<string, Map<string, Entry>>();
    for (const { location, entry } of steps) {
      const key = bucketOf(location);
      const bucket = changed.get(key) ?? new Map(this.#buckets.get(key));
      changed.set(key, bucket);
      if (entry === null) bucket.delete(location);
      else bucket.set(location, entry);
    }
    const events = steps.flatMap((step) => step.events);
    const state = Object.fromEntries([...changed].map(([key, bucket]) => [key, [...bucket]]));
    await this.#keep(events, state);
    for (const { location, entry } of steps) this.#index(location, entry);
    for (const [key, bucket] of changed) this.#buckets.set(key, bucket);
  }

  /** To be called before the entry takes the place of the one before. */
  #index(location: string, entry: Entry | null): void {
    const before = inodeOf(this.get(location)?.seen ?? "");
    if (this.#inodes.get(before) === location) this.#inodes.delete(before);
    if (entry !== null) this.#inodes.set(inodeOf(entry.seen), location);
  }

  async #keep(events: readonly EventInit[], state: Record<string, unknown>): Promise<void> {
    const { signal, clock, log, name } = this.#context;
    for (;;) {
      signal.throwIfAborted();
      try {
        if (events.length > 0) await this.#context.emitAll(events, { state });
        else
          await Promise.all(Object.entries(state).map(([key, value]) => this.#context.state.put(key, value)));
        return;
      } catch (error) {
        // No failure: the files wait where they are.
        if (!isSluiceError(error, "JOURNAL_BACKLOG")) throw error;
        log.warn({ input: name, code: error.code }, "the files wait for the journal");
        await sleep(clock, BUSY, signal);
      }
    }
  }
}

function bucketOf(location: string): string {
  return keyOf(Number.parseInt(hash("sha256", location).slice(0, 8), 16) % BUCKETS);
}

function keyOf(bucket: number): string {
  return `files/${bucket}`;
}

function readBucket(value: unknown): Bucket {
  return new Map(Array.isArray(value) ? (value as [string, Entry][]) : []);
}
