import { afterEach, expect } from "vitest";
import type { Change } from "../../journal/coordination.ts";
import type { Page, PageQuery } from "../../journal/history.ts";
import type { Journal, Retention } from "../../journal/journal.ts";
import type {
  Append,
  Claim,
  Commit,
  CommitResult,
  Control,
  ControlResult,
  Outcome,
  RunSeed,
  Settle,
} from "../../journal/work.ts";
import type { ErrorRecord } from "../../model/errors.ts";
import type { EventRecord } from "../../model/event.ts";
import { silentLogger, type Logger } from "../../model/logger.ts";
import { formatRunId } from "../../model/run.ts";
import { createUidSource, type NewUid } from "../../model/uid.ts";
import { createFakeClock, type FakeClock } from "../clock.ts";
import type { JournalPlace, JournalSubject } from "./subject.ts";

export const FAILURE: ErrorRecord = { code: "RUN_FAILED", message: "it went wrong" };
export const SUCCEEDED: Outcome = { type: "succeeded" };
export const RELEASED: Outcome = { type: "released" };
export const DEAD: Outcome = { type: "dead", error: FAILURE };
/** The uid of no event. */
export const NOWHERE = "00000000-0000-7000-8000-000000000000";

/** An event for processes, with what a test wants to say of it. */
export interface Emission extends Partial<EventRecord> {
  /** Defaults to the process "work". */
  readonly to?: readonly (string | RunSeed)[];
  readonly dedupe?: string;
}

/** An open journal with the moves that tests make; time is the test's own. */
export class JournalTester {
  readonly journal: Journal;
  readonly clock: FakeClock;
  readonly changes: Change[] = [];
  readonly #newUid: NewUid;

  constructor(journal: Journal, clock: FakeClock, newUid: NewUid) {
    this.journal = journal;
    this.clock = clock;
    this.#newUid = newUid;
    journal.coordination.watch((change) => this.changes.push(change));
  }

  event(init: Partial<EventRecord> = {}): EventRecord {
    return {
      uid: init.uid ?? this.#newUid(this.clock.now()),
      trigger: "orders",
      location: "raw.orders",
      operation: "create",
      id: "1",
      key: null,
      time: this.clock.now(),
      data: null,
      headers: null,
      cause: null,
      ...init,
    };
  }

  append({ to = ["work"], dedupe, ...init }: Emission = {}): Append {
    const runs = to.map((seed) => (typeof seed === "string" ? { process: seed } : seed));
    return { event: this.event(init), runs, ...(dedupe !== undefined && { dedupe }) };
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.journal.work.commit(commit);
  }

  /** Emits one event; answers its uid. */
  async emit(emission: Emission = {}): Promise<string> {
    const { append } = await this.commit({ append: [this.append(emission)] });
    return append[0]?.uid as string;
  }

  /** Emits many in one commit; answers their uids. */
  async emitMany(count: number, emission: (index: number) => Emission = () => ({})): Promise<string[]> {
    const appends = Array.from({ length: count }, (_, index) => this.append(emission(index)));
    return (await this.commit({ append: appends })).append.map((result) => result.uid);
  }

  /** Waits for runs. */
  take(process = "work", atMost = 1): Promise<Claim[]> {
    return this.journal.work.take(process, atMost, new AbortController().signal);
  }

  async takeOne(process = "work"): Promise<Claim> {
    const [claim] = await this.take(process);
    return claim as Claim;
  }

  /** What can be taken now; `[]` if that is nothing. */
  async takeNow(process = "work", atMost = 100): Promise<Claim[]> {
    const abort = new AbortController();
    const taking = this.journal.work.take(process, atMost, abort.signal);
    await this.barrier();
    abort.abort();
    return taking;
  }

  /** Takes all there is, settling none. */
  async takeAll(process = "work"): Promise<Claim[]> {
    const all: Claim[] = [];
    for (;;) {
      const claims = await this.takeNow(process, 1_000);
      if (claims.length === 0) return all;
      all.push(...claims);
    }
  }

  /** What was asked before has been answered, and what follows from it has happened. */
  async barrier(): Promise<void> {
    await this.journal.work.readState("barrier", "barrier");
    await new Promise((resolve) => setImmediate(resolve));
  }

  outcome(claim: Claim, outcome: Outcome = SUCCEEDED, emitted?: readonly Append[]): Settle {
    const now = this.clock.now();
    return {
      claim,
      startedAt: now,
      finishedAt: now,
      version: 1,
      outcome,
      ...(emitted !== undefined && { emitted }),
    };
  }

  async settle(
    claim: Claim,
    outcome: Outcome = SUCCEEDED,
    emitted?: readonly Append[],
  ): Promise<"settled" | "stale"> {
    const { settle } = await this.commit({ settle: [this.outcome(claim, outcome, emitted)] });
    return settle[0] as "settled" | "stale";
  }

  retry(claim: Claim, delay: number): Promise<"settled" | "stale"> {
    return this.settle(claim, { type: "retry", dueAt: this.clock.now() + delay, delay, error: FAILURE });
  }

  async control(control: Control): Promise<ControlResult> {
    return (await this.commit({ control: [control] })).control[0] as ControlResult;
  }

  cancel(run: string): Promise<ControlResult> {
    return this.control({ type: "cancel", run, reason: { code: "CANCELLED", message: "not wanted" } });
  }

  /** The state of a run, as people read it. */
  async stateOf(uid: string, process = "work", replay = 0): Promise<string | undefined> {
    return (await this.journal.history.run(formatRunId(uid, process, replay)))?.state;
  }
}

export interface OpenOptions {
  readonly clock?: FakeClock;
  readonly retention?: Retention;
  readonly logger?: Logger;
}

/** Opens journals for the tests of one suite, and puts everything away after each test. */
export class JournalTests {
  readonly #subject: JournalSubject;
  readonly #places = new Set<JournalPlace>();
  readonly #journals = new Set<Journal>();

  constructor(subject: JournalSubject) {
    this.#subject = subject;
    afterEach(() => this.#clear());
  }

  async place(): Promise<JournalPlace> {
    const place = await this.#subject.createPlace();
    this.#places.add(place);
    return place;
  }

  async open(place?: JournalPlace, options: OpenOptions = {}): Promise<JournalTester> {
    const { clock = createFakeClock(), retention, logger = silentLogger } = options;
    const driver = (place ?? (await this.place())).driver(retention);
    const random = seeded(this.#journals.size + 1);
    const journal = await driver.open({ clock, random, logger });
    this.#journals.add(journal);
    return new JournalTester(journal, clock, createUidSource(random));
  }

  /** Closes the journal and opens it again. */
  async reopen(
    place: JournalPlace,
    tester: JournalTester,
    options: OpenOptions = {},
  ): Promise<JournalTester> {
    await tester.journal.close();
    return this.open(place, { clock: tester.clock, ...options });
  }

  /** Opens what would be left if the owner's process died now. */
  async afterCrash(
    place: JournalPlace,
    tester: JournalTester,
  ): Promise<{ place: JournalPlace; t: JournalTester }> {
    const left = await place.crash();
    this.#places.add(left);
    return { place: left, t: await this.open(left, { clock: tester.clock }) };
  }

  async #clear(): Promise<void> {
    for (const journal of this.#journals) await journal.close();
    for (const place of this.#places) await place.remove();
    this.#journals.clear();
    this.#places.clear();
  }
}

/** Asserts that a promise is rejected with a SluiceError of this code. */
export function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  return expect(promise).rejects.toMatchObject({ name: "SluiceError", code });
}

/** Reads a list to its end, page by page. */
export async function readAll<Row>(
  read: (query: PageQuery) => Promise<Page<Row>>,
  limit: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page: Page<Row> = await read({ limit, ...(cursor !== undefined && { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    rows.push(...page.items);
    if (page.next === null) return rows;
    cursor = page.next;
  }
}

/** A small generator (mulberry32), so that a failure happens again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
