import { SluiceError } from "../../src/model/errors.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { formatRunId } from "../../src/model/run.ts";
import type { Change } from "../../src/journal/coordination.ts";
import type { History } from "../../src/journal/history.ts";
import type { Journal, JournalDriver } from "../../src/journal/journal.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { FENCES_PER_EPOCH } from "../../src/journal/run-code.ts";
import type { Claim, Commit, CommitResult, RunKey, Settle, Suspect } from "../../src/journal/work.ts";
import type { FakeClock } from "../../src/testing/clock.ts";
import { never, type Chance } from "./chance.ts";

/** How the disk behaves. */
export interface DiskFaults {
  /** How often a commit, or its answer, is held up. */
  slow: number;
  /** How often one fails. */
  fails: number;
  /** So many of the next ones fail in any case. */
  failing: number;
}

/** A process that may own the journal. */
export interface Owner {
  readonly alive: boolean;
  /** A moment in which it may die. */
  point(name: string): void;
  /** Another one owns the journal now. */
  supersede(): void;
  /** It was told what changed. */
  told(change: Change): void;
}

/** A run is set aside once it was marked in so many deaths. */
const STRIKES = 3;

/** What became of an attempt, as the disk has it. */
export interface Settled {
  readonly run: string;
  readonly fence: number;
  readonly outcome: Settle["outcome"]["type"] | "postponed";
}

function nameOf(outcome: Settle["outcome"]): Settled["outcome"] {
  return outcome.type === "retry" && outcome.postponed === true ? "postponed" : outcome.type;
}

interface Held {
  readonly inner: Claim;
  newest: Claim;
  session: Session;
}

/**
 * A disk that outlives the owners of the journal on it. What is written is kept by the memory journal; what makes it a
 * disk is here: a commit takes its time, fails, or is lost with its owner before it is durable; its answer is lost with
 * an owner that dies after; what an owner had taken is in doubt for the next one; and an owner that was
 * superseded is refused.
 */
export class SimulatedJournal {
  readonly faults: DiskFaults = { slow: 0, fails: 0, failing: 0 };
  readonly clock: FakeClock;
  readonly chance: Chance;
  /** Told of every outcome, the moment that it is durable. */
  readonly onSettled: (settled: Settled) => void;
  /** Told of what must never be. */
  readonly #breaks: (what: string) => void;
  /** By the inner claim's fence: whatever is taken. */
  readonly held: Map<number, Held> = new Map();
  /** Claims that were cancelled while on their way to their taker. */
  readonly cancelledEarly: Map<number, string> = new Map();
  inner!: Journal;
  /** Changes that the commit under way brings. */
  changes: Change[] = [];
  #applying = false;
  #epoch = 0;
  #owner: Session | undefined;
  #stoppedCleanly = true;
  readonly #strikes = new Map<RunKey, number>();
  #marked: RunKey | undefined;

  constructor(
    clock: FakeClock,
    chance: Chance,
    onSettled: (settled: Settled) => void,
    breaks: (what: string) => void,
  ) {
    this.#breaks = breaks;
    this.clock = clock;
    this.chance = chance;
    this.onSettled = onSettled;
  }

  async create(): Promise<void> {
    const { clock, chance } = this;
    this.inner = await createMemoryJournal().open({ clock, random: chance.random, logger: silentLogger });
    this.inner.coordination.watch((change) => this.#changed(change));
  }

  get history(): History {
    return this.inner.history;
  }

  driver(owner: Owner): JournalDriver {
    return {
      location: "simulated:",
      open: async () => {
        await this.obstacle(owner, "open");
        this.#owner?.supersede();
        this.#owner?.owner.supersede();
        const stoppedCleanly = this.#stoppedCleanly;
        this.#stoppedCleanly = false;
        if (!stoppedCleanly && this.#marked !== undefined) this.#charge(this.#marked);
        this.#marked = undefined;
        this.#owner = new Session(this, owner, (this.#epoch += 1), stoppedCleanly);
        return this.#owner.journal();
      },
    };
  }

  /** The slow, and failing, part of whatever is asked of the disk. */
  async obstacle(owner: Owner, what: string): Promise<void> {
    await this.delay();
    owner.point(`before ${what}`);
    if (!owner.alive) return never();
    const { faults, chance } = this;
    if (faults.failing === 0 && !chance.happens(faults.fails)) return;
    if (faults.failing > 0) faults.failing -= 1;
    const code = chance.happens(0.5) ? "JOURNAL_IO" : "JOURNAL_FULL";
    throw new SluiceError(code, `the simulated disk fails to ${what}`);
  }

  /** The way of an answer back to its owner. */
  async answer<Value>(owner: Owner, what: string, value: Value): Promise<Value> {
    owner.point(`after ${what}`);
    await this.delay();
    return owner.alive ? value : never();
  }

  async delay(): Promise<void> {
    if (!this.chance.happens(this.faults.slow)) return;
    await new Promise<void>((resolve) => this.clock.setTimer(this.chance.between(1, 300), resolve));
  }

  /** Applies a commit, all of it at once. */
  async apply(commit: Commit, claimOf: (claim: Claim) => Held | undefined): Promise<CommitResult> {
    for (const control of commit.control ?? []) {
      if (control.type !== "setAside" || this.strikes(control.run) >= STRIKES) continue;
      this.#breaks(`a run is set aside after ${this.strikes(control.run)} strikes`);
    }
    const settle = (commit.settle ?? []).map((one) => ({ one, held: claimOf(one.claim) }));
    const valid = settle.filter(({ held }) => held !== undefined) as { one: Settle; held: Held }[];
    const logs = (commit.logs ?? []).flatMap((line) => {
      const held = claimOf(line.claim);
      return held === undefined ? [] : [{ ...line, claim: held.inner }];
    });
    this.#applying = true;
    const applied = this.inner.work.commit({
      ...commit,
      settle: valid.map(({ one, held }) => ({ ...one, claim: held.inner })),
      logs,
    });
    this.#applying = false;
    for (const { held } of valid) {
      this.held.delete(held.inner.fence);
      this.forgetStrikes(held.inner.key);
    }
    const result = await applied;
    const answers = new Map(valid.map(({ one }, i) => [one, result.settle[i]]));
    for (const { one } of valid) {
      if (answers.get(one) !== "settled") continue;
      this.onSettled({ run: idOf(one.claim), fence: one.claim.fence, outcome: nameOf(one.outcome) });
    }
    return { ...result, settle: settle.map(({ one }) => answers.get(one) ?? "stale") };
  }

  /** Ends a claim that nobody holds any more. */
  release(inner: Claim): void {
    this.held.delete(inner.fence);
    this.cancelledEarly.delete(inner.fence);
    const now = this.clock.now();
    const settle = {
      claim: inner,
      startedAt: now,
      finishedAt: now,
      version: 0,
      outcome: { type: "released" },
    } as const;
    void this.inner.work.commit({ settle: [settle] });
  }

  strikes(run: RunKey): number {
    return this.#strikes.get(run) ?? 0;
  }

  mark(run: RunKey | undefined): void {
    if (run !== undefined && this.strikes(run) >= STRIKES) {
      this.#breaks(`a run starts once more after ${this.strikes(run)} strikes`);
    }
    this.#marked = run;
    if (run !== undefined && !this.#strikes.has(run)) this.#strikes.set(run, 1);
  }

  forgetStrikes(run: RunKey): void {
    this.#strikes.delete(run);
    if (this.#marked === run) this.#marked = undefined;
  }

  /** A new owner may come. */
  closed(session: Session, cleanly: boolean): void {
    if (this.#owner !== session) return;
    this.#owner = undefined;
    this.#stoppedCleanly = cleanly;
    if (cleanly) for (const { inner } of this.held.values()) this.release(inner);
  }

  /** Its owner is dead: what waits at the disk waits no longer. */
  died(owner: Owner): void {
    if (this.#owner?.owner === owner) this.#owner.supersede();
  }

  #charge(run: RunKey): void {
    this.#strikes.set(run, this.strikes(run) + 1);
  }

  #changed(change: Change): void {
    if (change.type === "cancelled") {
      const held = this.held.get(change.fence);
      if (held === undefined) this.cancelledEarly.set(change.fence, change.message);
      else if (held.session !== this.#owner) {
        this.held.delete(change.fence);
        queueMicrotask(() => this.release(held.inner));
      } else this.changes.push({ ...change, fence: held.newest.fence });
      return;
    }
    if (this.#applying) this.changes.push(change);
    else this.#owner?.tell(change);
  }
}

/** One owner's time with the journal. */
class Session {
  readonly owner: Owner;
  readonly #disk: SimulatedJournal;
  readonly #epoch: number;
  readonly #stoppedCleanly: boolean;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #claims = new Map<Claim, Held>();
  /** Ends every wait for runs. */
  readonly #waits = new Set<() => void>();
  #tail: Promise<unknown> = Promise.resolve();
  #counter = 0;
  #isClosed = false;
  #superseded = false;
  #admitted = false;
  #failure: Error | undefined;

  constructor(disk: SimulatedJournal, owner: Owner, epoch: number, stoppedCleanly: boolean) {
    this.#disk = disk;
    this.owner = owner;
    this.#epoch = epoch;
    this.#stoppedCleanly = stoppedCleanly;
  }

  journal(): Journal {
    const { inner } = this.#disk;
    return {
      id: "simulated",
      epoch: this.#epoch,
      capabilities: { durable: true, shared: false },
      stoppedCleanly: this.#stoppedCleanly,
      work: {
        commit: (commit) => this.commit(commit),
        take: (process, atMost, signal) => this.take(process, atMost, signal),
        suspects: () => this.suspects(),
        takeSuspect: (run) => this.takeSuspect(run),
        admit: () => this.admit(),
        hops: (uids) => this.#inTurn("read", () => inner.work.hops(uids)),
        readState: (owner, key) => this.#inTurn("read", () => inner.work.readState(owner, key)),
      },
      coordination: {
        lease: (name, signal) => inner.coordination.lease(name, signal),
        watch: (listener) => {
          this.#listeners.add(listener);
          return () => void this.#listeners.delete(listener);
        },
        paused: () => inner.coordination.paused(),
      },
      history: this.#history(),
      openRuns: () => inner.openRuns(),
      health: () => (this.#failure === undefined ? { ok: true } : { ok: false, error: this.#failure }),
      close: () => this.close(),
    };
  }

  tell(change: Change): void {
    if (!this.owner.alive || this.#superseded || this.#isClosed) return;
    for (const listener of this.#listeners) listener(change);
    this.owner.told(change);
  }

  /** Another one owns the journal now. */
  supersede(): void {
    this.#superseded = true;
    this.#endWaits();
  }

  commit(commit: Commit): Promise<CommitResult> {
    if (this.#isClosed) return Promise.reject(closed());
    if (this.#superseded && this.#disk.chance.happens(0.5) && isOnlySettles(commit))
      return this.#refuse(commit);
    return this.#inTurn("commit", async () => {
      const result = await this.#disk.apply(commit, (claim) => this.#newest(claim));
      for (const { claim } of commit.settle ?? []) this.#claims.delete(claim);
      const changes = this.#disk.changes.splice(0);
      for (const change of changes) this.tell(change);
      return result;
    });
  }

  async take(process: string, atMost: number, signal: AbortSignal): Promise<Claim[]> {
    const { owner } = this;
    await this.#disk.obstacle(owner, "take");
    if (this.#superseded || this.#isClosed) throw closed();
    const waiting = new AbortController();
    const end = (): void => waiting.abort();
    this.#waits.add(end);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    const taken = await this.#disk.inner.work.take(process, atMost, waiting.signal);
    this.#waits.delete(end);
    signal.removeEventListener("abort", end);
    if (!owner.alive || this.#superseded || this.#isClosed) {
      for (const inner of taken) this.#disk.release(inner);
      if (!owner.alive) return never();
      throw closed();
    }
    const claims = taken.map((inner) => this.#hold(inner));
    return this.#disk.answer(owner, "take", claims);
  }

  async suspects(): Promise<Suspect[]> {
    if (this.#stoppedCleanly) return [];
    return this.#inTurn("suspects", async () => this.#inDoubt().map(({ inner }) => this.#toSuspect(inner)));
  }

  takeSuspect(run: RunKey): Promise<Claim | undefined> {
    return this.#inTurn("mark", async () => {
      const held = this.#inDoubt().find(({ inner }) => inner.key === run);
      if (held === undefined) return undefined;
      this.#disk.mark(run);
      return this.#hold(held.inner);
    });
  }

  async admit(): Promise<void> {
    this.#admitted = true;
    try {
      await this.#inTurn("unmark", async () => this.#disk.mark(undefined));
    } finally {
      if (this.owner.alive && !this.#superseded)
        for (const { inner } of this.#inDoubt()) this.#disk.release(inner);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endWaits();
    await this.#tail;
    if (!this.owner.alive) return never();
    this.#disk.closed(this, this.#stoppedCleanly || this.#admitted);
  }

  /** What a journal answers that several may own: the outcomes of one that lost it are stale. */
  async #refuse({ settle = [] }: Commit): Promise<CommitResult> {
    return { append: [], settle: settle.map(() => "stale"), control: [] };
  }

  #endWaits(): void {
    for (const end of this.#waits) end();
  }

  #hold(inner: Claim): Claim {
    const { key, process, event, replay, replayOf, attempt, postponed } = inner;
    const fence = this.#epoch * FENCES_PER_EPOCH + (this.#counter += 1);
    const claim: Claim = { key, process, event, replay, replayOf, attempt, postponed, fence };
    const held: Held = { inner, newest: claim, session: this };
    this.#disk.held.set(inner.fence, held);
    this.#claims.set(claim, held);
    const message = this.#disk.cancelledEarly.get(inner.fence);
    if (message !== undefined) {
      this.#disk.cancelledEarly.delete(inner.fence);
      this.tell({ type: "cancelled", process, fence, message });
    }
    return claim;
  }

  /** What a claim of this owner stands for, unless it is stale. */
  #newest(claim: Claim): Held | undefined {
    const held = this.#claims.get(claim);
    return held !== undefined && this.#disk.held.get(held.inner.fence)?.newest === claim ? held : undefined;
  }

  #inDoubt(): Held[] {
    return [...this.#disk.held.values()]
      .filter((held) => held.session !== this)
      .sort((a, b) => Number(a.inner.key) - Number(b.inner.key));
  }

  #toSuspect(inner: Claim): Suspect {
    const { key: run, process } = inner;
    return { run, id: idOf(inner), process, strikes: this.#disk.strikes(run) };
  }

  /** One after the other, each as slow and as likely to fail as the disk is now. */
  #inTurn<Value>(what: string, action: () => Promise<Value>): Promise<Value> {
    const { owner } = this;
    const durable = this.#tail.then(async () => {
      await this.#disk.obstacle(owner, what);
      this.#expectOwner();
      return action();
    });
    this.#tail = durable.catch(() => undefined);
    return durable.then(
      (value) => {
        this.#healthy(undefined);
        return this.#disk.answer(owner, what, value);
      },
      (error: Error) => {
        this.#healthy(error);
        throw error;
      },
    );
  }

  #healthy(failure: Error | undefined): void {
    const had = this.#failure;
    this.#failure = failure;
    if (failure !== undefined && had === undefined) this.tell({ type: "unhealthy", error: failure });
    if (failure === undefined && had !== undefined) this.tell({ type: "healthy" });
  }

  #expectOwner(): void {
    if (this.#superseded) throw closed();
  }

  #history(): History {
    const { history } = this.#disk.inner;
    const read = <Value>(ask: () => Promise<Value>): Promise<Value> => {
      if (!this.owner.alive) return never();
      return this.#isClosed || this.#superseded ? Promise.reject(closed()) : ask();
    };
    return {
      events: (query) => read(() => history.events(query)),
      event: (uid) => read(() => history.event(uid)),
      journey: (uid) => read(() => history.journey(uid)),
      runs: (query) => read(() => history.runs(query)),
      run: (id) => read(() => history.run(id)),
      attempts: (run) => read(() => history.attempts(run)),
      logs: (run, query) => read(() => history.logs(run, query)),
      deadLetters: () => read(() => history.deadLetters()),
      counters: () => read(() => history.counters()),
      seen: (query) => read(() => history.seen(query)),
    };
  }
}

function isOnlySettles({ append, state, control }: Commit): boolean {
  return append === undefined && state === undefined && control === undefined;
}

function idOf(claim: Claim): string {
  return formatRunId(claim.event.uid, claim.process, claim.replay);
}

function closed(): SluiceError {
  return new SluiceError("JOURNAL_CLOSED", "another owner has the journal, or none");
}
