import assert from "node:assert/strict";
import type { Input } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import { createInputContext, type InputContextOptions, type TestInputContext } from "../context.ts";
import { someTurns, within, type ConformanceTest } from "../conformance.ts";
import { createSignal } from "../signal.ts";

/** An input and its source, as the suite needs them. Everything is made anew for each test. */
export interface InputSubject {
  readonly input: Input;
  /**
   * Makes the source tell one more thing, once the input listens. If the source is acknowledged (an answer, an
   * offset), resolves when it was and rejects when it was refused; otherwise resolves when it has told.
   */
  tell(): Promise<unknown>;
  /** What its context is made with: a clock, for one. */
  readonly context?: InputContextOptions;
  close?(): Promise<void> | void;
}

export interface InputConformanceOptions {
  create(): InputSubject | Promise<InputSubject>;
  /** Whether `tell` says how the source was answered. Defaults to `false`. */
  readonly acknowledges?: boolean;
  /** Milliseconds of real time that each step may take. Defaults to 5,000. */
  readonly patience?: number;
}

interface Started extends Omit<InputSubject, "context"> {
  readonly context: TestInputContext;
  readonly ended: Promise<void>;
}

/** What every input must hold, whatever it listens to. */
export function inputConformance(options: InputConformanceOptions): readonly ConformanceTest[] {
  const { patience = 5_000, acknowledges = false } = options;

  async function start(subject: InputSubject, more: InputContextOptions = {}): Promise<Started> {
    const context = createInputContext({ name: subject.input.name, ...subject.context, ...more });
    const ended = subject.input.handle(context);
    ended.catch(() => undefined);
    if (subject.input.announcesReady === true) {
      await within(
        patience,
        "it does not say that it is ready",
        Promise.race([context.isReady.wait(), ended]),
      );
    } else {
      await someTurns();
    }
    return { ...subject, context, ended };
  }

  async function stop({ context, ended }: Started): Promise<void> {
    context.stop();
    await within(patience, "it does not end after its signal aborted", ended);
  }

  const tests: Record<string, (subject: InputSubject) => Promise<void>> = {
    "passes on what its source tells": async (subject) => {
      const started = await start(subject);
      await within(patience, "the source is not answered", subject.tell());
      await within(patience, "it emits nothing", started.context.waitFor(1));
      await stop(started);
    },

    "listens until its signal aborts, then ends": async (subject) => {
      const started = await start(subject);
      const first = await Promise.race([
        started.ended.then(() => "ended"),
        someTurns().then(() => "listens"),
      ]);
      assert.equal(first, "listens", "it ended by itself");
      await stop(started);
    },

    "ends at once, and emits nothing, if its signal aborted before it began": async (subject) => {
      const context = createInputContext({ name: subject.input.name, ...subject.context });
      context.stop();
      await within(patience, "it does not end", subject.input.handle(context));
      await subject.tell().catch(() => undefined);
      await someTurns();
      assert.equal(context.emissions, 0, "it emitted");
    },

    "emits nothing once its signal aborted": async (subject) => {
      const started = await start(subject);
      const emissions = started.context.emissions;
      await stop(started);
      await subject.tell().catch(() => undefined);
      await someTurns();
      assert.equal(started.context.emissions, emissions, "it emitted after its end");
    },

    "can be started again after its end": async (subject) => {
      await stop(await start(subject));
      const again = await start(subject);
      await within(patience, "the source is not answered", subject.tell());
      await within(patience, "it emits nothing when started again", again.context.waitFor(1));
      await stop(again);
    },

    "does not swallow that an event was refused": async (subject) => {
      const full = new SluiceError("JOURNAL_FULL", "no space");
      const started = await start(subject, { beforeEmit: () => Promise.reject(full) });
      const refused = createSignal();
      started.ended.then(undefined, () => refused.set());
      // The source hears of it, or the input fails: then its supervisor starts it anew.
      subject.tell().then(undefined, () => refused.set());
      await within(patience, "neither does it fail nor does its source hear of it", refused.wait());
      started.context.stop();
      await within(
        patience,
        "it does not end",
        started.ended.catch(() => undefined),
      );
    },

    ...(acknowledges && {
      "acknowledges an event only once it is kept": async (subject: InputSubject) => {
        const keeping = createSignal();
        const kept = createSignal();
        const beforeEmit = (): Promise<void> => {
          keeping.set();
          return kept.wait();
        };
        const started = await start(subject, { beforeEmit });
        let isAcknowledged = false;
        const told = subject.tell().then(() => (isAcknowledged = true));
        await within(patience, "it emits nothing", keeping.wait());
        await someTurns();
        assert.equal(isAcknowledged, false, "it acknowledged what was not kept yet");
        kept.set();
        await within(patience, "it does not acknowledge what is kept", told);
        await stop(started);
      },
    }),
  };

  return Object.entries(tests).map(([name, run]) => ({
    name: `an input ${name}`,
    async run() {
      const subject = await options.create();
      try {
        await run(subject);
      } finally {
        await subject.close?.();
      }
    },
  }));
}
