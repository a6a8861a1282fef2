import { SluiceError } from "../../../model/errors.ts";
import { FENCES_PER_EPOCH, tooManyRuns, RUNS_PER_EVENT } from "../../run-code.ts";
import type { Append, AppendResult, Commit, CommitResult, ControlResult, Settle } from "../../work.ts";
import { batchWritten } from "../../diagnostics.ts";
import { fromPlainError } from "../failure.ts";
import type { Batch, BatchReply, ControlMessage } from "../layout.ts";
import { encodeCommit } from "./encode.ts";
import type { Names } from "./names.ts";
import type { WriterLink } from "./writer-link.ts";

/** A batch is bounded in rows and characters: so is the time that one transaction takes. */
const BATCH_ROWS = 8_192;
const BATCH_CHARACTERS = 8_000_000;
/** What may wait before appends are refused. */
const QUEUED_ROWS = 200_000;
const QUEUED_CHARACTERS = 128_000_000;

export interface PendingCommit {
  readonly commit: Commit;
  readonly controls: readonly ControlMessage[];
  readonly rows: number;
  readonly characters: number;
  resolve(result: CommitResult): void;
  reject(error: SluiceError): void;
}

/** Told of each commit that was kept, in their order. */
export interface CommitListener {
  /** An event that is new, with the number of its first run; `isWaiting` tells of runs that may not be taken yet. */
  appended(append: Append, firstRun: number, isWaiting: ((run: number) => boolean) | undefined): void;
  settled(settle: Settle, isStale: boolean): void;
  controlled(controls: readonly ControlMessage[], wasKept: boolean): void;
  /** After all commits of a batch. */
  replied(reply: BatchReply): void;
}

/** Group commit: what comes while one batch is being written goes into the next. No timer. */
export class Commits {
  readonly #link: WriterLink;
  readonly #names: Names;
  readonly #listener: CommitListener;
  readonly #now: () => number;
  readonly #path: string;
  readonly #foreignFence: number;
  #queue: PendingCommit[] = [];
  #queuedRows = 0;
  #queuedCharacters = 0;
  #batch: number;
  #seq: number;
  #inFlight = false;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: {
    link: WriterLink;
    names: Names;
    listener: CommitListener;
    now: () => number;
    /** Of the journal's file. */
    path: string;
    nextSeq: number;
    /** A batch's number tells whether it was kept, so it goes on where the last owner ended. */
    lastBatch: number;
    /** Where this owner's fences begin. */
    epoch: number;
  }) {
    this.#link = options.link;
    this.#names = options.names;
    this.#listener = options.listener;
    this.#now = options.now;
    this.#path = options.path;
    this.#seq = options.nextSeq;
    this.#batch = options.lastBatch;
    this.#foreignFence = options.epoch * FENCES_PER_EPOCH;
  }

  add(commit: Commit, controls: readonly ControlMessage[]): Promise<CommitResult> {
    const { append, settle, logs } = commit;
    let rows = 1 + (append?.length ?? 0) + (settle?.length ?? 0) + (logs?.length ?? 0);
    let characters = 0;
    if (append !== undefined) {
      for (let i = 0; i < append.length; i += 1) {
        const { event, runs } = append[i] as Append;
        if (runs.length > RUNS_PER_EVENT) return Promise.reject(tooManyRuns(event.uid));
        characters += event.data?.length ?? 0;
        rows += runs.length;
      }
      if (this.#queuedRows >= QUEUED_ROWS || this.#queuedCharacters >= QUEUED_CHARACTERS)
        return Promise.reject(backlog());
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ commit, controls, rows, characters, resolve, reject });
      this.#queuedRows += rows;
      this.#queuedCharacters += characters;
      this.#schedule();
    });
  }

  /** Resolves once everything that was added before is at the writer. */
  async barrier(): Promise<void> {
    if (this.#inFlight || this.#queue.length > 0) await this.add({}, []);
  }

  /** Resolves when nothing waits to be written. */
  drained(): Promise<void> {
    return this.#inFlight || this.#queue.length > 0
      ? new Promise((resolve) => this.#idle.push(resolve))
      : Promise.resolve();
  }

  /** What comes up in one turn of the event loop goes together. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#inFlight || this.#queue.length === 0) return;
    const commits = this.#nextCommits();
    try {
      this.#send(commits);
    } catch (cause) {
      // What no type allows (plain JavaScript gives it all the same) must not end the host.
      this.#drop(
        commits,
        new SluiceError("INVALID_OPTIONS", `cannot be journalled: ${String(cause)}`, { cause }),
      );
    }
  }

  #send(commits: readonly PendingCommit[]): void {
    const { fresh } = this.#names;
    const body: Batch = [];
    const firstSeq = this.#seq;
    const context = {
      nameId: (name: string) => this.#names.id(name),
      nextSeq: () => this.#seq++,
      foreignFence: this.#foreignFence,
    };
    for (const { commit, controls } of commits) encodeCommit(body, commit, controls, context);
    const saved = fresh.length;
    const head: Batch = [++this.#batch, this.#now(), saved / 2, ...fresh, commits.length];
    this.#inFlight = true;
    const sentAt = batchWritten.hasSubscribers ? performance.now() : 0;
    this.#link.send(
      head.concat(body),
      (reply) => {
        this.#inFlight = false;
        const answer = reply as BatchReply;
        if (answer.error === undefined) this.#names.saved(saved);
        if (batchWritten.hasSubscribers) this.#tell(commits, sentAt, answer);
        this.#finish(commits, answer, firstSeq);
        if (this.#queue.length > 0) this.#schedule();
        else this.#wakeIdle();
      },
      (error) => {
        this.#inFlight = false;
        for (const one of commits) one.reject(error);
        for (const one of this.#queue.splice(0)) one.reject(error);
        this.#wakeIdle();
      },
    );
  }

  #tell(commits: readonly PendingCommit[], sentAt: number, { error }: BatchReply): void {
    // Sent before anybody listened: nobody knows when.
    if (sentAt === 0) return;
    batchWritten.publish({
      path: this.#path,
      commits: commits.length,
      // Each counts one row for itself, which bounds a batch of empty ones.
      rows: commits.reduce((sum, one) => sum + one.rows - 1, 0),
      duration: performance.now() - sentAt,
      ok: error === undefined,
    });
  }

  /** Refuses what was not sent. */
  #drop(commits: readonly PendingCommit[], error: SluiceError): void {
    this.#inFlight = false;
    for (const one of commits) {
      if (one.controls.length > 0) this.#listener.controlled(one.controls, false);
      one.reject(error);
    }
    if (this.#queue.length > 0) this.#schedule();
    else this.#wakeIdle();
  }

  #nextCommits(): PendingCommit[] {
    let rows = 0;
    let characters = 0;
    let count = 0;
    while (
      count < this.#queue.length &&
      (count === 0 || (rows < BATCH_ROWS && characters < BATCH_CHARACTERS))
    ) {
      const next = this.#queue[count++] as PendingCommit;
      rows += next.rows;
      characters += next.characters;
    }
    this.#queuedRows -= rows;
    this.#queuedCharacters -= characters;
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  #finish(commits: readonly PendingCommit[], reply: BatchReply, firstSeq: number): void {
    const error = reply.error === undefined ? undefined : fromPlainError(reply.error);
    const skipped = reply.skipped === undefined ? undefined : new Set(reply.skipped);
    const duplicates = pairs<number, string>(reply.duplicates);
    const waiting = reply.waiting === undefined ? undefined : new Set(reply.waiting);
    const failed = reply.failed === undefined ? undefined : new Map(reply.failed);
    const controls = reply.controls === undefined ? undefined : new Map(reply.controls);
    const stale = reply.stale === undefined ? undefined : staleByCommit(reply.stale);
    const isWaiting = waiting === undefined ? undefined : (run: number) => waiting.has(run);
    const results: (CommitResult | SluiceError)[] = [];
    let seq = firstSeq;
    const appended = (append: Append): AppendResult => {
      const at = seq++;
      if (skipped?.has(at) === true) return { uid: duplicates?.get(at) ?? append.event.uid, duplicate: true };
      this.#listener.appended(append, at * RUNS_PER_EVENT, isWaiting);
      return { uid: append.event.uid, duplicate: false };
    };
    for (let index = 0; index < commits.length; index += 1) {
      const { commit, controls: messages } = commits[index] as PendingCommit;
      const refusal = failed?.get(index);
      const failure = error ?? (refusal === undefined ? undefined : fromPlainError(refusal));
      if (messages.length > 0) this.#listener.controlled(messages, failure === undefined);
      if (failure !== undefined) {
        seq += countAppends(commit);
        results.push(failure);
        continue;
      }
      const append = commit.append === undefined ? NO_APPENDS : commit.append.map(appended);
      const settle =
        commit.settle === undefined ? NO_SETTLES : this.#settle(commit.settle, stale?.get(index), appended);
      results.push({ append, settle, control: controls?.get(index) ?? NO_CONTROLS });
    }
    this.#listener.replied(reply);
    for (let index = 0; index < commits.length; index += 1) {
      const result = results[index] as CommitResult | SluiceError;
      if (result instanceof SluiceError) (commits[index] as PendingCommit).reject(result);
      else (commits[index] as PendingCommit).resolve(result);
    }
  }

  #settle(
    settles: readonly Settle[],
    stale: ReadonlySet<number> | undefined,
    appended: (append: Append) => AppendResult,
  ): ("settled" | "stale")[] {
    return settles.map((settle, index) => {
      const isStale = stale?.has(index) === true;
      this.#listener.settled(settle, isStale);
      if (settle.emitted !== undefined && settle.outcome.type === "succeeded")
        settle.emitted.forEach(appended);
      return isStale ? "stale" : "settled";
    });
  }

  #wakeIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

const NO_APPENDS: readonly AppendResult[] = [];
const NO_SETTLES: readonly ("settled" | "stale")[] = [];
const NO_CONTROLS: readonly ControlResult[] = [];

function countAppends(commit: Commit): number {
  let count = commit.append?.length ?? 0;
  for (const { emitted, outcome } of commit.settle ?? [])
    if (outcome.type === "succeeded") count += emitted?.length ?? 0;
  return count;
}

function pairs<Key, Value>(flat: readonly (Key | Value)[] | undefined): ReadonlyMap<Key, Value> | undefined {
  if (flat === undefined) return undefined;
  const map = new Map<Key, Value>();
  for (let i = 0; i < flat.length; i += 2) map.set(flat[i] as Key, flat[i + 1] as Value);
  return map;
}

function staleByCommit(flat: readonly number[]): ReadonlyMap<number, Set<number>> {
  const map = new Map<number, Set<number>>();
  for (let i = 0; i < flat.length; i += 2) {
    const commit = flat[i] as number;
    const settles = map.get(commit) ?? new Set();
    map.set(commit, settles.add(flat[i + 1] as number));
  }
  return map;
}

function backlog(): SluiceError {
  return new SluiceError(
    "JOURNAL_BACKLOG",
    "more events wait to be written than the journal keeps waiting; emit more slowly, or again later",
  );
}
