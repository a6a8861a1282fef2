import fc from "fast-check";
import { expect, test } from "vitest";
import { PermanentError, RetryAfter, SluiceError } from "../../src/model/errors.ts";
import { isFinal } from "../../src/model/run.ts";
import type { Event } from "../../src/model/event.ts";
import type { Process, RunContext } from "../../src/model/component.ts";
import type { Clock } from "../../src/model/clock.ts";
import type { FakeClock } from "../../src/testing/clock.ts";
import { createKeptJournal, createTestPipeline, throwWhenAborted, withWork } from "../support/engine.ts";

/** What an operator, the outside world and the disk do to a pipeline. */
type Step =
  | { readonly do: "emit"; readonly key: string; readonly acts: readonly Act[] }
  | { readonly do: "wait"; readonly for: number }
  | { readonly do: "pause" | "resume"; readonly name: string }
  | { readonly do: "cancel" | "replay"; readonly event: number }
  | { readonly do: "fail"; readonly commits: number }
  | { readonly do: "restart" }
  | { readonly do: "remove"; readonly open: "drain" | "cancel" };

/** How an attempt behaves; the n-th attempt of a run acts as the n-th of its event's acts. */
type Act = "answer" | "later" | "throw" | "never" | "after" | "obey" | "ignore" | "now";

const act = fc.constantFrom<Act>("answer", "later", "throw", "never", "after", "obey", "ignore", "now");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("emit" as const),
      key: fc.constantFrom("a", "b"),
      acts: fc.array(act, { maxLength: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("wait" as const), for: fc.integer({ min: 0, max: 4_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("pause" as const, "resume" as const),
      name: fc.constantFrom("source", "work", "after"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "replay" as const), event: fc.nat(15) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("fail" as const), commits: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("remove" as const),
      open: fc.constantFrom("drain" as const, "cancel" as const),
    }),
  },
);

/** How the pipeline is set up. */
const setup = fc.record({
  seed: fc.nat(),
  order: fc.constantFrom("key" as const, "none" as const),
  total: fc.constantFrom(undefined, 1, 5),
  rate: fc.constantFrom(undefined, "5/s"),
});

/** Watches from outside, as a sink would: what begins, what ends, and what must never be. */
class Sink {
  readonly broken: string[] = [];
  readonly #running = new Map<string, number>();
  readonly #fences = new Map<string, number>();
  readonly #attempts = new Map<string, number>();
  readonly reopened = new Set<string>();

  begin({ run, fence, attempt }: RunContext): void {
    const lastFence = this.#fences.get(run.id) ?? 0;
    if (fence <= lastFence) this.broken.push(`${run.id}: fence ${fence} after ${lastFence}`);
    this.#fences.set(run.id, fence);
    const last = this.#attempts.get(run.id) ?? 0;
    const isAnew = attempt === 1 && this.reopened.has(run.id);
    if (attempt !== last + 1 && attempt !== last && !isAnew) {
      this.broken.push(`${run.id}: attempt ${attempt} after ${last}`);
    }
    this.#attempts.set(run.id, attempt);
  }

  /** Counts what runs under an ordering key: two would be one too many. */
  async alone(key: string, work: () => unknown): Promise<void> {
    const running = (this.#running.get(key) ?? 0) + 1;
    this.#running.set(key, running);
    if (running > 1) this.broken.push(`${running} attempts of key ${key} at a time`);
    try {
      await work();
    } finally {
      this.#running.set(key, (this.#running.get(key) ?? 1) - 1);
    }
  }
}

/** Lets time go on until it has come true, within bounds: what hangs is a failure, too. */
async function soon(clock: FakeClock, what: string, action: () => Promise<unknown>): Promise<void> {
  let isDone = false;
  const done = action().finally(() => (isDone = true));
  for (let i = 0; i < 100 && !isDone; i += 1) await clock.advance(1_000);
  if (!isDone) throw new Error(`it waits for ever: ${what}`);
  await done;
}

function wait(clock: Clock, delay: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(delay, resolve));
}

async function play(act: Act, context: RunContext): Promise<void> {
  const { clock, emit } = context;
  switch (act) {
    case "answer":
      return;
    case "later":
      return wait(clock, 500);
    case "throw":
      throw new Error("thrown");
    case "never":
      throw new PermanentError("never");
    case "after":
      throw new RetryAfter("after", { delay: 700 });
    case "obey":
      return throwWhenAborted(context.signal);
    case "ignore":
      return wait(clock, 6_000);
    case "now":
      await emit({ id: "now" }, { now: true, key: "now" }).catch(() => undefined);
      throw new Error("thrown after it emitted");
  }
}

test("whatever is done to it, every acknowledged event ends well known: one final state a run, emissions once, keys in order, nothing left running", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 45 }),
      setup,
      async (steps, { seed, order, total, rate }) => {
        let faults = 0;
        let isCalm = false;
        const journal = withWork(createKeptJournal(), (work) => ({
          async commit(commit) {
            if (faults === 0) return work.commit(commit);
            faults -= 1;
            throw new SluiceError("JOURNAL_IO", "the disk says no");
          },
        }));
        const pipeline = createTestPipeline({
          journal,
          seed,
          grace: "2s",
          ...(total && { concurrency: total }),
        });
        const { orchestrator, clock } = pipeline;
        const sink = new Sink();
        const acts = new Map<string, readonly Act[]>();
        orchestrator.addProcess(
          {
            name: "work",
            async run(event: Event, context) {
              sink.begin(context);
              const alone = order === "key" ? event.key : `${context.run.id} ${context.fence}`;
              await sink.alone(alone, async () => {
                context.emit({ id: event.id, key: event.key });
                if (!isCalm) await play(acts.get(event.id)?.[context.attempt - 1] ?? "answer", context);
              });
            },
          },
          {
            order,
            ...(rate && { rate }),
            timeout: "2s",
            grace: "1s",
            retry: { attempts: 3, initial: 400 },
            concurrency: 4,
          },
        );
        const after: Process = {
          name: "after",
          run(event, context) {
            sink.begin(context);
            if (!isCalm && event.id.endsWith("3") && context.attempt === 1) throw new Error("the third");
          },
        };
        function addAfter(): void {
          orchestrator.addProcess(after, { retry: { initial: 100 } });
          orchestrator.addLink("work", "after");
        }
        addAfter();
        orchestrator.addLink("source", "work");
        await orchestrator.start();

        const acknowledged: string[] = [];
        async function orIoError(action: () => Promise<unknown>): Promise<void> {
          await action().catch((error: SluiceError) => {
            if (error.code !== "JOURNAL_IO") throw error;
          });
        }
        async function take(one: Step): Promise<void> {
          switch (one.do) {
            case "emit": {
              const id = `${one.key}${acknowledged.length}`;
              acts.set(id, one.acts);
              return orIoError(async () => acknowledged.push(await pipeline.emit({ id, key: one.key })));
            }
            case "wait":
              return clock.advance(one.for);
            case "pause":
            case "resume":
              return orIoError(() => orchestrator[one.do](one.name));
            case "cancel":
            case "replay": {
              const run = `${acknowledged[one.event] ?? "none"}/work`;
              sink.reopened.add(run);
              return orIoError(() => orchestrator[one.do]([run]));
            }
            case "fail":
              faults = one.commits;
              return;
            case "restart":
              faults = 0;
              await soon(clock, "stop", () => orchestrator.stop());
              // What ignores its signal ends with the host; here it is given the time to.
              await clock.advance(10_000);
              return orchestrator.start();
            case "remove": {
              faults = 0;
              await orchestrator.resume("after");
              await soon(clock, "remove", () => orchestrator.removeProcess("after", { open: one.open }));
              addAfter();
            }
          }
        }
        for (const one of steps) await take(one);

        // From here on nothing goes wrong any more, and everything must come to an end.
        faults = 0;
        isCalm = true;
        for (const name of ["source", "work", "after"]) await orchestrator.resume(name);
        await soon(clock, "idle", () => orchestrator.idle());
        await clock.advance(10_000);

        expect(sink.broken).toEqual([]);
        expect(await orchestrator.processes()).toMatchObject([
          { running: 0, abandoned: 0 },
          { running: 0, abandoned: 0 },
        ]);
        for (const uid of acknowledged) {
          const journey = await orchestrator.history.journey(uid);
          expect(journey?.runs.map(({ process }) => process)).toContain("work");
          for (const run of journey?.runs ?? []) {
            expect(isFinal(run.state), `${run.id} is ${run.state}`).toBe(true);
            const emitted = journey?.caused.filter((event) => event.cause?.runs.includes(run.id)) ?? [];
            const held = emitted.filter(({ id }) => id !== "now");
            expect(held, `${run.id} is ${run.state}`).toHaveLength(run.state === "succeeded" ? 1 : 0);
            expect(emitted.length - held.length).toBeLessThanOrEqual(1);
          }
        }
        await soon(clock, "the last stop", () => orchestrator.stop());
        expect(clock.timers).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});
