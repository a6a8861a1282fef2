import assert from "node:assert/strict";
import type { Process, RunInfo } from "../../model/component.ts";
import { isPermanentError } from "../../model/errors.ts";
import type { EventInit } from "../../model/event.ts";
import { silentLogger } from "../../model/logger.ts";
import { createRunContext, type RunContextOptions, type TestRunContext } from "../context.ts";
import { someTurns, within, type ConformanceTest } from "../conformance.ts";
import { realClock } from "../real-clock.ts";

/** A process and what it works on, as the suite needs them. Everything is made anew for each test. */
export interface ProcessSubject {
  readonly process: Process;
  /** An event that it can work on. */
  readonly succeeds: EventInit;
  /** An event that it fails on, if there can be one. */
  readonly fails?: EventInit;
  /** An event whose run goes on until its signal aborts, if there can be one. */
  readonly lasts?: EventInit;
  /** An event on which trying again cannot help, if there can be one. */
  readonly never?: EventInit;
  /** An event whose run writes far more than anybody reads, and then ends, if its output is another program's. */
  readonly floods?: EventInit;
  /** How often the effect of a run is seen outside: given, it must be once, however many attempts there were. */
  effects?(run: RunInfo): Promise<number> | number;
  /** For a process whose jobs outlive it, and which finds them again. */
  readonly reattaches?: Reattaching;
  close?(): Promise<void> | void;
}

export interface Reattaching {
  /** Starts the job of a run, and leaves it running as a process would whose host is killed. */
  leave(context: TestRunContext): Promise<void>;
  /** How many jobs were started for a run. */
  starts(run: RunInfo): Promise<number> | number;
}

export interface ProcessConformanceOptions {
  create(): ProcessSubject | Promise<ProcessSubject>;
  /** Milliseconds of real time that each step may take. Defaults to 5,000. */
  readonly patience?: number;
}

/** What of one run's output may get into the journal: far more than anybody reads. */
const MOST_LINES = 20_000;
const MOST_CHARACTERS = 2_000_000;

interface Ending {
  readonly failed: boolean;
  readonly rejected: boolean;
  readonly error?: unknown;
}

/** What every process must hold, whatever it does. */
export function processConformance(options: ProcessConformanceOptions): readonly ConformanceTest[] {
  const { patience = 5_000 } = options;

  function contextOf(
    subject: ProcessSubject,
    event: EventInit,
    more: RunContextOptions = {},
  ): TestRunContext {
    return createRunContext({ event, process: subject.process.name, clock: realClock, ...more });
  }

  /** How a run ends; that it does not end is no way to fail. */
  function run(subject: ProcessSubject, context: TestRunContext): Promise<Ending> {
    const ending = (async () => subject.process.run(context.event, context))().then(
      (status): Ending => ({ failed: status?.status === "fail", rejected: false }),
      (error: unknown): Ending => ({ failed: true, rejected: true, error }),
    );
    return within(patience, "a run does not end", ending);
  }

  async function succeed(subject: ProcessSubject, context: TestRunContext): Promise<void> {
    const { failed, error } = await run(subject, context);
    assert.ok(!failed, `it failed: ${error instanceof Error ? error.message : "it answered so"}`);
  }

  const tests: Record<string, (subject: ProcessSubject) => Promise<void>> = {
    "succeeds on an event that it can work on": (subject) =>
      succeed(subject, contextOf(subject, subject.succeeds)),

    "rejects, or answers fail, when it fails": async (subject) => {
      if (subject.fails === undefined) return;
      const { failed, rejected, error } = await run(subject, contextOf(subject, subject.fails));
      assert.ok(failed, "it succeeded");
      if (!rejected) return;
      assert.ok(error instanceof Error, "what it rejected with is no Error");
      assert.notEqual(error.message, "", "its error does not say what happened");
    },

    "says so when trying again cannot help": async (subject) => {
      if (subject.never === undefined) return;
      const { error } = await run(subject, contextOf(subject, subject.never));
      assert.ok(isPermanentError(error), "it did not reject with a PermanentError");
    },

    "keeps no more of its output than anybody reads": async (subject) => {
      if (subject.floods === undefined) return;
      const context = contextOf(subject, subject.floods);
      await run(subject, context);
      const characters = context.lines.reduce((sum, { text }) => sum + text.length, 0);
      assert.ok(context.lines.length > 0, "it kept nothing");
      assert.ok(context.lines.length <= MOST_LINES, `it kept ${context.lines.length} lines`);
      assert.ok(characters <= MOST_CHARACTERS, `it kept ${characters} characters`);
    },

    "works on many events at once": async (subject) => {
      const contexts = Array.from({ length: 8 }, () => contextOf(subject, subject.succeeds));
      await Promise.all(contexts.map((context) => succeed(subject, context)));
    },

    "ends, and not in success, when its signal aborts": async (subject) => {
      if (subject.lasts === undefined) return;
      const context = contextOf(subject, subject.lasts);
      const running = run(subject, context);
      const first = await Promise.race([running.then(() => "ended"), someTurns().then(() => "runs")]);
      assert.equal(first, "runs", "it ended before its signal aborted");
      context.abort();
      assert.ok((await running).rejected, "it did not reject though its signal aborted");
    },

    "ends only the run whose signal aborts": async (subject) => {
      if (subject.lasts === undefined) return;
      const contexts = [contextOf(subject, subject.lasts), contextOf(subject, subject.lasts)] as const;
      const [first, second] = contexts.map((context) => run(subject, context)) as [
        Promise<Ending>,
        Promise<Ending>,
      ];
      await someTurns();
      contexts[0].abort();
      await first;
      const state = await Promise.race([second.then(() => "ended"), someTurns().then(() => "runs")]);
      contexts[1].abort();
      await second;
      assert.equal(state, "runs", "another run ended with it");
    },

    "does not begin when its signal aborted before": async (subject) => {
      const context = contextOf(subject, subject.lasts ?? subject.succeeds);
      context.abort();
      const { rejected } = await run(subject, context);
      assert.ok(rejected, "it did not reject though its signal had aborted");
      if (subject.effects !== undefined)
        assert.equal(await subject.effects(context.run), 0, "it had its effect");
    },

    "says nothing more once it ended": async (subject) => {
      const contexts = [subject.succeeds, subject.fails]
        .filter((event) => event !== undefined)
        .map((event) => contextOf(subject, event));
      const said = (): number[] => contexts.map(({ lines, emitted }) => lines.length + emitted.length);
      for (const context of contexts) await run(subject, context);
      const before = said();
      await someTurns();
      assert.deepEqual(said(), before, "it logged or emitted after its end");
    },

    "has its effect once, however many attempts a run takes": async (subject) => {
      if (subject.effects === undefined) return;
      const first = contextOf(subject, subject.succeeds);
      await succeed(subject, first);
      await succeed(subject, { ...first, attempt: 2, fence: first.fence + 1 });
      assert.equal(await subject.effects(first.run), 1, "the second attempt had its effect again");
    },

    "finds the job again that a killed host left, and starts no second one": async (subject) => {
      if (subject.reattaches === undefined) return;
      const { leave, starts } = subject.reattaches;
      const first = contextOf(subject, subject.succeeds);
      await leave(first);
      assert.equal(await starts(first.run), 1, "nothing was left running: there is nothing to be found");
      await succeed(subject, {
        ...contextOf(subject, subject.succeeds),
        run: first.run,
        event: first.event,
        fence: first.fence + 1,
      });
      assert.equal(await starts(first.run), 1, "it started a second one");
    },
  };

  return Object.entries(tests).map(([name, test]) => ({
    name: `a process ${name}`,
    async run() {
      const subject = await options.create();
      const { process } = subject;
      const owner = { pipeline: "test", journalId: "00000000-0000-7000-8000-000000000000", epoch: 1 };
      try {
        await process.open?.({ ...owner, log: silentLogger });
        await test(subject);
      } finally {
        await process.close?.();
        await subject.close?.();
      }
    },
  }));
}
