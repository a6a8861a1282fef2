import { ReadyQueue } from "../../ready-queue.ts";
import type { Claim } from "../../work.ts";
import type { RetryPosition } from "../layout.ts";
import type { WindowRun } from "./held-claim.ts";

/** Bounds of a window; a backlog beyond them stays on disk. */
const ROWS = 4_096;
const CHARACTERS = 16_000_000;
/** A window with fewer runs asks for more. */
const LOW = 512;

/** Runs of one process that may be taken now, as far as they stand in memory. */
export class Window {
  readonly process: string;
  readonly id: number;
  readonly #ready: ReadyQueue<WindowRun> = new ReadyQueue();
  #characters = 0;
  /** Every run up to this key that may be taken stands in the window or is held. */
  tail = -1;
  /** Whether that is so of all: then new runs go straight in. */
  isComplete: boolean;
  /** Retries up to here were read. */
  retriesRead: RetryPosition | null = null;
  /** Whether retries beyond that are due already. */
  hasDueRetries = false;
  /** When the next retry is due, by the wall clock. */
  nextDue: number = Number.POSITIVE_INFINITY;
  isRefilling = false;
  /** Operations under way that end runs of the whole process: until then nothing is handed out. */
  barred = 0;
  waiter: { readonly atMost: number; resolve(claims: Claim[]): void; reject(error: Error): void } | null =
    null;

  constructor(process: string, id: number, isComplete: boolean) {
    this.process = process;
    this.id = id;
    this.isComplete = isComplete;
  }

  get size(): number {
    return this.#ready.size;
  }

  get needsRefill(): boolean {
    if (this.isRefilling || this.barred > 0) return false;
    return this.hasDueRetries || (!this.isComplete && this.#ready.size < LOW);
  }

  /** A run that was made just now: goes in if all before it did, and there is room. */
  addNew(run: WindowRun): void {
    if (!this.isComplete) return;
    if (this.#ready.size >= ROWS || this.#characters >= CHARACTERS) {
      this.isComplete = false;
      this.tail = run.key - 1;
      return;
    }
    this.add(run);
  }

  /** A run that is known to be missing. */
  add(run: WindowRun): void {
    this.#characters += sizeOf(run);
    this.#ready.push(run);
  }

  take(): WindowRun | undefined {
    if (this.barred > 0) return undefined;
    const run = this.#ready.shift();
    if (run !== undefined) this.#characters -= sizeOf(run);
    return run;
  }

  /** A run below the tail may be taken, but is not here: it will be read again. */
  lower(key: number): void {
    if (this.isComplete) this.tail = key - 1;
    else this.tail = Math.min(this.tail, key - 1);
    this.isComplete = false;
  }

  /** Forgets what it knows: everything is read anew. */
  reset(): void {
    this.#ready.clear();
    this.#characters = 0;
    this.tail = -1;
    this.isComplete = false;
    this.retriesRead = null;
    this.hasDueRetries = true;
  }

  /** Takes out what is ended from outside. */
  remove(isOut: (run: WindowRun) => boolean): void {
    const kept = [...this.#ready].filter((run) => !isOut(run)).sort((a, b) => a.key - b.key);
    this.#ready.clear();
    this.#characters = 0;
    for (const run of kept) this.add(run);
  }

  runs(): Iterable<WindowRun> {
    return this.#ready;
  }
}

function sizeOf(run: WindowRun): number {
  return (run.event.data?.length ?? 0) + 200;
}
