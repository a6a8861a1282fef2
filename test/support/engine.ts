import type { EventInit } from "../../src/model/event.ts";
import type { Input, InputContext } from "../../src/model/component.ts";
import type { SluiceError } from "../../src/model/errors.ts";
import type { Random } from "../../src/model/uid.ts";
import type { Journal, JournalDriver } from "../../src/journal/journal.ts";
import type { Work } from "../../src/journal/work.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { Orchestrator, type EngineOptions } from "../../src/engine/orchestrator.ts";
import { createFakeClock, type FakeClock } from "../../src/testing/clock.ts";

/** A random source that repeats itself for the same seed (mulberry32). */
export function createSeededRandom(seed = 1): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** An orchestrator under a clock that stands still, with one input, `source`, that only listens. */
export interface TestPipeline extends AsyncDisposable {
  readonly orchestrator: Orchestrator;
  readonly clock: FakeClock;
  /** What was reported so far, oldest first. */
  readonly errors: SluiceError[];
  /** Emits in the name of `source`; answers the event's uid. */
  emit(event?: EventInit): Promise<string>;
  /** Lets everything happen that can happen without time going on. */
  turn(): Promise<void>;
  /** Stops it, letting time go on until it has stopped. */
  stop(): Promise<void>;
}

export function createTestPipeline(options: Partial<EngineOptions> & { seed?: number } = {}): TestPipeline {
  const { seed, ...engine } = options;
  const clock = createFakeClock();
  const orchestrator = new Orchestrator({
    journal: createMemoryJournal(),
    clock,
    random: createSeededRandom(seed),
    ...engine,
  });
  const errors: SluiceError[] = [];
  orchestrator.onError((error) => void errors.push(error));
  orchestrator.addInput(listener("source"));
  const stop = (): Promise<void> => stopWith(orchestrator, clock);
  return {
    orchestrator,
    clock,
    errors,
    emit: async (event = {}) => (await orchestrator.emit("source", event)).uid,
    turn: () => clock.advance(0),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * A journal in memory that outlives its owners: what one leaves behind, the next one finds. Only what is handed back
 * is due again, so a run that an owner forgot stays out of reach.
 */
export function createKeptJournal(): JournalDriver {
  let opened: Promise<Journal> | undefined;
  return {
    location: "memory:",
    async open(surroundings) {
      const journal = await (opened ??= createMemoryJournal().open(surroundings));
      return { ...journal, close: async () => undefined };
    },
  };
}

/** Wraps a journal's work: what `change` answers takes the place of the journal's own. */
export function withWork(driver: JournalDriver, change: (work: Work) => Partial<Work>): JournalDriver {
  return {
    location: driver.location,
    async open(surroundings) {
      const journal = await driver.open(surroundings);
      return { ...journal, work: { ...journal.work, ...change(journal.work) } };
    },
  };
}

/** Stops it, letting a fake clock go on until it has stopped. */
export async function stopWith(orchestrator: Orchestrator, clock: FakeClock): Promise<void> {
  let isStopped = false;
  const stopping = orchestrator.stop().finally(() => (isStopped = true));
  while (!isStopped) await clock.advance(1_000);
  await stopping;
}

/** An input that does nothing until it must end. */
export function listener(name: string): Input {
  return { name, handle: ({ signal }) => untilAborted(signal) };
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Waits for the signal as a well-behaved input or process does: by throwing its reason. */
export async function throwWhenAborted(signal: AbortSignal): Promise<never> {
  await untilAborted(signal);
  throw signal.reason;
}

/** An input whose lives are in a test's hands: each call of `handle` is one more in `lives`. */
export function createHandledInput(
  name: string,
  options: Partial<Input> = {},
): { input: Input; lives: { context: InputContext; end(): void; fail(error: unknown): void }[] } {
  const lives: { context: InputContext; end(): void; fail(error: unknown): void }[] = [];
  const input: Input = {
    name,
    ...options,
    handle(context) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      lives.push({ context, end: resolve, fail: reject });
      context.signal.addEventListener("abort", () => resolve(), { once: true });
      return promise;
    },
  };
  return { input, lives };
}

/** What rejected or threw, for a look at its code. Fails if nothing did. */
export async function errorOf(action: () => unknown): Promise<SluiceError> {
  try {
    await action();
  } catch (error) {
    return error as SluiceError;
  }
  throw new Error("nothing was thrown");
}
