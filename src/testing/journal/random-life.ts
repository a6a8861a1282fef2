import { describe, expect, it } from "vitest";
import type { Claim, Outcome } from "../../journal/work.ts";
import { isFinal, TRANSITIONS, type RunRow, type RunState } from "../../model/run.ts";
import type { JournalPlace, JournalSubject } from "./subject.ts";
import { DEAD, FAILURE, JournalTests, RELEASED, seeded, SUCCEEDED, type JournalTester } from "./tester.ts";

const PROCESSES = ["plain", "ordered"];
const SEEDS = [1, 2, 3, 4, 5, 6];
const STEPS = 120;

/** What a test knows of its journal: what it holds, and what it has last seen of every run. */
interface Life {
  t: JournalTester;
  place: JournalPlace;
  readonly random: () => number;
  readonly claims: Claim[];
  readonly seen: Map<string, RunState>;
  /** Runs that were cancelled while taken: their attempts still go on. */
  readonly lingering: Set<string>;
}

function pick<Item>(life: Life, items: readonly Item[]): Item | undefined {
  return items[Math.floor(life.random() * items.length)];
}

function idOf(claim: Claim): string {
  return `${claim.event.uid}/${claim.process}${claim.replay === 0 ? "" : `~${claim.replay}`}`;
}

async function allRuns(t: JournalTester): Promise<RunRow[]> {
  const { items, next } = await t.journal.history.runs({ limit: 1_000 });
  expect(next).toBeNull();
  return [...items];
}

const deeds: Readonly<Record<string, (life: Life) => Promise<void>>> = {
  async emit({ t, random }) {
    const key = `k${Math.floor(random() * 3)}`;
    await t.emit({ id: key, key, to: ["plain", { process: "ordered", key }] });
  },

  async take(life) {
    const process = pick(life, PROCESSES) as string;
    const claims = await life.t.takeNow(process, 1 + Math.floor(life.random() * 3));
    for (const claim of claims) {
      const twice = life.claims.some((held) => idOf(held) === idOf(claim));
      expect(twice, `${idOf(claim)} is handed out twice`).toBe(false);
    }
    life.claims.push(...claims);
    const keys = life.claims.filter((claim) => claim.process === "ordered").map((claim) => claim.event.key);
    expect(new Set(keys).size, "one run of a key at a time").toBe(keys.length);
  },

  async settle(life) {
    const claim = pick(life, life.claims);
    if (claim === undefined) return;
    const retry: Outcome = { type: "retry", dueAt: life.t.clock.now() + 500, delay: 500, error: FAILURE };
    const postponed: Outcome = { ...retry, postponed: true };
    const outcome = pick(life, [SUCCEEDED, SUCCEEDED, RELEASED, DEAD, retry, postponed]) as Outcome;
    const result = await life.t.settle(claim, outcome);
    expect(result).toBe(life.lingering.has(idOf(claim)) ? "stale" : "settled");
    life.claims.splice(life.claims.indexOf(claim), 1);
    life.lingering.delete(idOf(claim));
  },

  async cancel(life) {
    const run = pick(life, [...life.seen.keys()]);
    if (run === undefined) return;
    const isOpen = !isFinal(life.seen.get(run) as RunState);
    expect((await life.t.cancel(run)).ok).toBe(isOpen);
    if (isOpen && life.claims.some((claim) => idOf(claim) === run)) life.lingering.add(run);
  },

  async replay(life) {
    const run = pick(life, [...life.seen.keys()]);
    if (run === undefined) return;
    const isOpen = !isFinal(life.seen.get(run) as RunState);
    const ordered = run.includes("/ordered");
    expect((await life.t.control({ type: "replay", run, ordered })).ok).toBe(!isOpen);
  },

  async wait({ t }) {
    await t.clock.advance(300);
    await t.barrier();
  },
};

/** Owners come and go: what they held is due again, and cancelled attempts have ended. */
async function changeOwner(life: Life, tests: JournalTests): Promise<void> {
  if (life.random() < 0.5) {
    life.t = await tests.reopen(life.place, life.t);
  } else {
    ({ place: life.place, t: life.t } = await tests.afterCrash(life.place, life.t));
  }
  life.claims.length = 0;
  life.lingering.clear();
}

async function check(life: Life, deed: string): Promise<void> {
  const runs = await allRuns(life.t);
  for (const { id, state } of runs) {
    const before = life.seen.get(id);
    if (before !== undefined)
      expect(canBecome(before, state), `${deed}: ${id} from ${before} to ${state}`).toBe(true);
    life.seen.set(id, state);
  }
  expect(runs.length).toBe(life.seen.size);
  expect(life.t.journal.openRuns(), deed).toBe(runs.filter((run) => !isFinal(run.state)).length);
  const { runs: counted } = await life.t.journal.history.counters();
  for (const process of PROCESSES) {
    const states = runs.filter((run) => run.process === process).map((run) => run.state);
    for (const state of new Set(states)) {
      const count = states.filter((one) => one === state).length;
      expect(counted[process]?.[state], `${deed}: ${state} runs of ${process}`).toBe(count);
    }
  }
}

/** Whether one deed can lead there: a few steps of the state machine, since one deed may promote a run, too. */
function canBecome(from: RunState, to: RunState): boolean {
  let reached = new Set<RunState>([from]);
  for (let step = 0; step < 3; step += 1) {
    if (reached.has(to)) return true;
    reached = new Set([...reached].flatMap((state) => [state, ...TRANSITIONS[state]]));
  }
  return reached.has(to);
}

/** Nothing disturbs any more: everything must come to its end. */
async function finish(life: Life): Promise<void> {
  for (let round = 0; life.t.journal.openRuns() > 0 || life.claims.length > 0; round += 1) {
    expect(round, "runs are stuck").toBeLessThan(500);
    for (const process of PROCESSES) life.claims.push(...(await life.t.takeNow(process)));
    for (const claim of life.claims.splice(0)) await life.t.settle(claim);
    await life.t.clock.advance(500);
    await life.t.barrier();
  }
  const left = (await allRuns(life.t)).filter((run) => !isFinal(run.state));
  expect(left).toEqual([]);
}

/** Random lives: whatever operators, attempts, time and owners do, runs move as the state machine says and end. */
export function testRandomLife(subject: JournalSubject): void {
  describe("random lives", () => {
    const tests = new JournalTests(subject);
    const { durable } = subject.capabilities;

    it.each(SEEDS)("keep to the state machine and come to their end (seed %i)", async (seed) => {
      const place = await tests.place();
      const t = await tests.open(place);
      const life: Life = {
        t,
        place,
        random: seeded(seed),
        claims: [],
        seen: new Map(),
        lingering: new Set(),
      };
      const names = [
        "emit",
        "emit",
        "take",
        "take",
        "take",
        "settle",
        "settle",
        "settle",
        "cancel",
        "replay",
        "wait",
      ];
      for (let step = 0; step < STEPS; step += 1) {
        if (durable && life.random() < 0.02) await changeOwner(life, tests);
        const name = pick(life, names) as string;
        await deeds[name]?.(life);
        await check(life, `step ${step}, ${name}`);
      }
      await finish(life);
    });
  });
}
