import fc from "fast-check";
import { expect } from "vitest";
import type { Journal } from "../../src/journal/journal.ts";
import type { Claim, Outcome } from "../../src/journal/work.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { isFinal } from "../../src/model/run.ts";
import { createUidSource } from "../../src/model/uid.ts";
import { createFakeClock, type FakeClock } from "../../src/testing/clock.ts";
import type { JournalPlace } from "../../src/testing/journal/index.ts";
import { FAILURE, JournalTester } from "../../src/testing/journal/tester.ts";
import { createSeededRandom } from "../support/engine.ts";
import { RETRY_DELAY, RunModel, type ModelOutcome, type ModelRun } from "./run-model.ts";

const PROCESSES = ["plain", "ordered"] as const;
const DRAIN_ROUNDS = 100;

/** The journal under test, with the claims that it gave out: both may be those of owners of long ago. */
interface Real {
  t: JournalTester;
  place: JournalPlace;
  readonly isDurable: boolean;
  readonly clock: FakeClock;
  readonly claims: { readonly claim: Claim; readonly run: ModelRun; readonly number: number }[];
  readonly left: JournalPlace[];
  open(place: JournalPlace): Promise<JournalTester>;
}

type Move = (model: RunModel, real: Real) => Promise<void>;

/** A step whose preconditions are the model's own business: what does not apply must be refused. */
class Step implements fc.AsyncCommand<RunModel, Real> {
  readonly #name: string;
  readonly #move: Move;

  constructor(name: string, move: Move) {
    this.#name = name;
    this.#move = move;
  }

  check(): boolean {
    return true;
  }

  async run(model: RunModel, real: Real): Promise<void> {
    await this.#move(model, real);
    await compare(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

async function compare(model: RunModel, { t }: Real): Promise<void> {
  const { items } = await t.journal.history.runs({ limit: 1_000 });
  const there = Object.fromEntries(items.map(({ id, state }) => [id, state]));
  expect(there).toEqual(Object.fromEntries(model.runs.map(({ id, state }) => [id, state])));
  expect(t.journal.openRuns()).toBe(model.runs.filter(({ state }) => !isFinal(state)).length);
  const { runs } = await t.journal.history.counters();
  for (const { process, state } of model.runs) {
    const count = model.runs.filter((run) => run.process === process && run.state === state).length;
    expect(runs[process]?.[state]).toBe(count);
  }
}

function toOutcome(outcome: ModelOutcome, now: number): Outcome {
  switch (outcome) {
    case "retry":
      return { type: "retry", dueAt: now + RETRY_DELAY, delay: RETRY_DELAY, error: FAILURE };
    case "postponed":
      return { ...(toOutcome("retry", now) as Outcome & { type: "retry" }), postponed: true };
    case "again":
      return { type: "retry", dueAt: now, delay: 0, error: FAILURE };
    case "block":
      return { type: "dead", error: FAILURE, block: true };
    case "dead":
    case "cancelled":
      return { type: outcome, error: FAILURE };
    default:
      return { type: outcome };
  }
}

function emit(key: string, dedupe: number | undefined, isDead: boolean): Move {
  return async (model, { t }) => {
    const plain = { process: "plain", ...(isDead && { dead: FAILURE }) };
    const delivery = dedupe === undefined ? undefined : `d${dedupe}`;
    const append = t.append({
      id: key,
      key,
      to: [plain, { process: "ordered", key }],
      ...(delivery !== undefined && { dedupe: delivery }),
    });
    const { append: results } = await t.commit({ append: [append] });
    const first = delivery === undefined ? undefined : model.deliveries.get(delivery);
    expect(results).toEqual([{ uid: first ?? append.event.uid, duplicate: first !== undefined }]);
    if (first !== undefined) return;
    if (delivery !== undefined) model.deliveries.set(delivery, append.event.uid);
    model.append(append.event.uid, key, [
      { process: "plain", isDead },
      { process: "ordered", key },
    ]);
  };
}

/** A journal may not have all that is due at hand, but something of it, and that in the order of the events. */
function take(process: string, atMost: number): Move {
  return async (model, { t, claims, isDurable }) => {
    const due = model.due(process);
    const taken = await t.takeNow(process, atMost);
    const runs = taken.map((claim) => model.find(claim.event.uid, process, claim.replay));
    if (isDurable) {
      expect(due).toEqual(expect.arrayContaining(runs));
      expect(runs).toEqual([...runs].sort((a, b) => a.place - b.place));
      expect(runs.length > 0).toBe(due.length > 0);
    } else {
      expect(runs).toEqual(due.slice(0, atMost));
    }
    for (const [i, claim] of taken.entries()) {
      const run = runs[i] as ModelRun;
      const last = claims.findLast((held) => held.run === run);
      expect(claim).toMatchObject({ attempt: run.attempts + 1, postponed: run.postponed });
      expect(claim.fence).toBeGreaterThan(last?.claim.fence ?? 0);
      model.take(run);
      claims.push({ claim, run, number: run.claim });
    }
  };
}

/** Any claim, of whatever age: all but the newest of an open run must be stale, and change nothing. */
function settle(isHeld: boolean, which: number, outcome: ModelOutcome, emits: boolean): Move {
  return async (model, { t, claims, clock }) => {
    const among = isHeld ? claims.filter(({ run, number }) => run.claim === number) : claims;
    const held = among[among.length - 1 - (which % Math.max(1, among.length))];
    if (held === undefined) return;
    const emitted = emits ? [t.append({ id: "emitted", to: ["plain"] })] : [];
    const expected = model.settle(held.run, held.number, outcome);
    expect(await t.settle(held.claim, toOutcome(outcome, clock.now()), emitted)).toBe(expected);
    // What is due at once may take the clock's next tick.
    if (outcome === "again") await clock.advance(0);
    if (expected === "stale" || outcome !== "succeeded") return;
    for (const { event } of emitted) model.append(event.uid, "", [{ process: "plain" }]);
  };
}

/** Which run an operator means: any, or one of those with which it gets interesting. */
interface Choice {
  readonly of: "any" | "held" | "final";
  readonly which: number;
}

function choose(model: RunModel, { claims }: Real, { of, which }: Choice): ModelRun | undefined {
  const held = claims.filter(({ run, number }) => run.claim === number && run.state === "running");
  const final = model.runs.filter(({ state }) => isFinal(state));
  const among = of === "any" ? model.runs : of === "held" ? held.map(({ run }) => run) : final;
  return among[among.length - 1 - (which % Math.max(1, among.length))];
}

function cancel(choice: Choice): Move {
  return async (model, real) => {
    const { t } = real;
    const run = choose(model, real, choice);
    if (run !== undefined) expect((await t.cancel(run.id)).ok).toBe(model.cancel(run));
  };
}

function replay(choice: Choice, isEdited: boolean): Move {
  return async (model, real) => {
    const { t } = real;
    const run = choose(model, real, choice);
    if (run === undefined) return;
    const expected = model.replay(run, isEdited);
    const ordered = run.process === "ordered";
    const control = { type: "replay", run: run.id, ordered, ...(isEdited && { data: '"edited"' }) } as const;
    const result = await t.control(control);
    expect(result.ok ? result.run : undefined).toBe(expected?.id);
  };
}

/** A held run is cancelled and replayed, and its process asks for more before the attempt has ended. */
function comeBack(which: number): Move {
  return async (model, real) => {
    const run = choose(model, real, { of: "held", which });
    if (run === undefined) return;
    expect((await real.t.cancel(run.id)).ok).toBe(model.cancel(run));
    await replay({ of: "any", which: model.runs.length - 1 - model.runs.indexOf(run) }, false)(model, real);
    await take(run.process, 2)(model, real);
  };
}

function route(which: number): Move {
  return async (model, { t, isDurable }) => {
    const event = model.events[which % Math.max(1, model.events.length)];
    if (event === undefined) return;
    const isThere = model.runs.some((run) => run.event === event.uid && run.process === "late");
    const result = await t.control({ type: "route", event: event.uid, seed: { process: "late" } });
    expect(result.ok).toBe(!isThere);
    if (isThere) return;
    const run = model.add(event.uid, "late", 0);
    // The memory journal has it stand behind all that are there.
    if (!isDurable) run.place = model.runs.length;
  };
}

function pause(isPaused: boolean): Move {
  return async (_, { t }) => {
    await t.control({ type: isPaused ? "pause" : "resume", name: "plain" });
    expect(t.journal.coordination.paused().has("plain")).toBe(isPaused);
  };
}

function wait(milliseconds: number): Move {
  return async (model, { t, clock }) => {
    await clock.advance(milliseconds);
    model.now += milliseconds;
    await t.barrier();
  };
}

function reopen(crashes: boolean): Move {
  return async (model, real) => {
    if (!real.isDurable) return;
    const before = real.t;
    if (crashes) real.left.push((real.place = await real.place.crash()));
    await before.journal.close();
    real.t = await real.open(real.place);
    model.reopen();
  };
}

const outcome = fc.constantFrom<ModelOutcome>(
  "succeeded",
  "succeeded",
  "retry",
  "again",
  "again",
  "postponed",
  "dead",
  "block",
  "released",
  "released",
  "cancelled",
);
const choice = fc.record<Choice>({ of: fc.constantFrom("any", "held", "final"), which: fc.nat(9) });
const common: fc.Arbitrary<Step>[] = [
  fc
    .tuple(fc.constantFrom("a", "b"), fc.option(fc.nat(3), { nil: undefined }), fc.boolean())
    .map(
      ([key, dedupe, isDead]) =>
        new Step(`emit ${key}, delivery ${dedupe}, dead ${isDead}`, emit(key, dedupe, isDead)),
    ),
  fc
    .tuple(fc.constantFrom(...PROCESSES), fc.integer({ min: 1, max: 4 }))
    .map(([process, atMost]) => new Step(`take ${atMost} of ${process}`, take(process, atMost))),
  fc
    .tuple(fc.constantFrom(true, true, false), fc.nat(5), outcome, fc.boolean())
    .map(
      ([isHeld, which, what, emits]) =>
        new Step(
          `settle ${isHeld ? "held" : "any"} ${which} ${what}, emits ${emits}`,
          settle(isHeld, which, what, emits),
        ),
    ),
];
const steps: fc.Arbitrary<Step>[] = [
  ...common,
  ...common,
  ...common,
  ...common,
  ...common,
  choice.map((one) => new Step(`cancel ${one.of} ${one.which}`, cancel(one))),
  choice.map((one) => new Step(`cancel ${one.of} ${one.which}`, cancel(one))),
  fc
    .tuple(choice, fc.boolean())
    .map(
      ([one, isEdited]) =>
        new Step(`replay ${one.of} ${one.which}, edited ${isEdited}`, replay(one, isEdited)),
    ),
  fc.nat(9).map((which) => new Step(`come back ${which}`, comeBack(which))),
  choice.map((one) => new Step(`replay ${one.of} ${one.which}`, replay(one, false))),
  fc.nat(10).map((which) => new Step(`route ${which}`, route(which))),
  fc.boolean().map((isPaused) => new Step(`paused ${isPaused}`, pause(isPaused))),
  fc.constantFrom(1, 200, RETRY_DELAY).map((time) => new Step(`wait ${time}`, wait(time))),
  fc.boolean().map((crashes) => new Step(crashes ? "crash" : "reopen", reopen(crashes))),
];

/** In the end nothing disturbs any more: whatever is open comes to its end. */
async function drain(model: RunModel, real: Real): Promise<void> {
  for (const { id, state, blocks } of model.runs) {
    if (state === "dead" && blocks) expect((await real.t.cancel(id)).ok).toBe(model.cancel(find(model, id)));
  }
  for (let round = 0; round < DRAIN_ROUNDS && model.runs.some(({ state }) => !isFinal(state)); round += 1) {
    for (const { claim, run, number } of real.claims.splice(0)) {
      expect(await real.t.settle(claim)).toBe(model.settle(run, number, "succeeded"));
    }
    for (const process of [...PROCESSES, "late"]) await take(process, 100)(model, real);
    await wait(RETRY_DELAY)(model, real);
  }
  await compare(model, real);
  expect(model.runs.filter(({ state }) => !isFinal(state))).toEqual([]);
}

function find(model: RunModel, id: string): ModelRun {
  return model.runs.find((run) => run.id === id) as ModelRun;
}

async function follow(
  commands: Iterable<fc.AsyncCommand<RunModel, Real>>,
  first: JournalPlace,
  isDurable: boolean,
): Promise<void> {
  const clock = createFakeClock();
  const random = createSeededRandom();
  const newUid = createUidSource(random);
  const journals: Journal[] = [];
  const open = async (place: JournalPlace): Promise<JournalTester> => {
    const journal = await place.driver().open({ clock, random, logger: silentLogger });
    journals.push(journal);
    return new JournalTester(journal, clock, newUid);
  };
  const real: Real = {
    t: await open(first),
    place: first,
    isDurable,
    clock,
    claims: [],
    left: [first],
    open,
  };
  try {
    const model = new RunModel();
    await fc.asyncModelRun(() => ({ model, real }), commands);
    await drain(model, real);
  } finally {
    for (const journal of journals) await journal.close();
    for (const place of real.left) await place.remove();
  }
}

/** Holds a journal against the model, with so many random lives. */
export async function expectToFollowModel(
  createPlace: () => Promise<JournalPlace>,
  isDurable: boolean,
  numRuns: number,
): Promise<void> {
  const lives = fc.commands(steps, { maxCommands: 100, size: "max" });
  const property = fc.asyncProperty(lives, async (commands) =>
    follow(commands, await createPlace(), isDurable),
  );
  // Whoever only asks whether it fails need not wait for the shortest life in which it does.
  await fc.assert(property, { numRuns, endOnFailure: process.env["SLUICE_TEST_SHRINK"] === "0" });
}
