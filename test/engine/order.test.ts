import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSignal, type Signal } from "../../src/testing/signal.ts";
import { createTestPipeline, stopWith } from "../support/engine.ts";

interface Step {
  /** Emits an event of this key… */
  readonly emit?: string;
  /** …or ends the n-th of the attempts that run, well or not… */
  readonly end?: { which: number; fails: boolean };
  /** …or cancels, or replays, the n-th event's run. */
  readonly cancel?: number;
  readonly replay?: number;
  /** …or lets time go on. */
  readonly wait?: number;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ emit: fc.constantFrom("a", "b", "c") }) },
  { weight: 4, arbitrary: fc.record({ end: fc.record({ which: fc.nat(7), fails: fc.boolean() }) }) },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ replay: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 0, max: 3_000 }) }) },
);

interface Running {
  readonly key: string;
  readonly number: number;
  readonly gate: Signal;
}

describe("under order by key", () => {
  test("no two attempts of a key ever overlap, first attempts come in the order of the events, and other keys are not held up", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
        const pipeline = createTestPipeline({ seed });
        const running: Running[] = [];
        const overlaps: string[] = [];
        const firsts = new Map<string, number[]>();
        const replayed = new Set<number>();
        let hasFaults = true;
        pipeline.orchestrator.addProcess(
          {
            name: "work",
            async run(event, { attempt }) {
              const number = Number(event.id);
              if (running.some((other) => other.key === event.key)) overlaps.push(event.key);
              if (attempt === 1 && !replayed.has(number)) {
                firsts.set(event.key, [...(firsts.get(event.key) ?? []), number]);
              }
              const one = { key: event.key, number, gate: createSignal() };
              running.push(one);
              try {
                if (hasFaults) await one.gate.wait();
              } finally {
                running.splice(running.indexOf(one), 1);
              }
            },
          },
          { order: "key", concurrency: 10, grace: "1h", retry: { attempts: 2, initial: 1_000 } },
        );
        pipeline.orchestrator.addLink("source", "work");
        await pipeline.orchestrator.start();
        const uids: string[] = [];
        for (const { emit, end, cancel, replay, wait } of steps) {
          if (emit !== undefined) uids.push(await pipeline.emit({ id: uids.length, key: emit }));
          const ending = end && running[end.which % Math.max(1, running.length)];
          if (ending !== undefined && end?.fails === true) ending.gate.fail(new Error("no"));
          else ending?.gate.set();
          if (cancel !== undefined && uids[cancel] !== undefined) {
            await pipeline.orchestrator.cancel([`${uids[cancel]}/work`]);
          }
          if (replay !== undefined && uids[replay] !== undefined) {
            replayed.add(replay);
            await pipeline.orchestrator.replay([`${uids[replay]}/work`]);
          }
          await pipeline.clock.advance(wait ?? 0);
          // A key with a run that is due now has one running: nothing of another key holds it up.
          const { items } = await pipeline.orchestrator.history.runs({ state: "queued" });
          expect(items).toEqual([]);
        }
        hasFaults = false;
        for (const one of running) one.gate.set();
        await pipeline.clock.advance(60_000);
        await pipeline.orchestrator.idle();
        expect(overlaps).toEqual([]);
        for (const order of firsts.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
        await stopWith(pipeline.orchestrator, pipeline.clock);
      }),
      { numRuns: 150 },
    );
  });

  test("a run that is retrying holds the later ones of its key back", async () => {
    await using pipeline = createTestPipeline();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run(event, { attempt }) {
          begun.push(`${event.id}.${attempt}`);
          if (event.id === "1" && attempt === 1) throw new Error("no");
        },
      },
      { order: "key" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "1", key: "k" });
    await pipeline.emit({ id: "2", key: "k" });
    await pipeline.clock.advance(10_000);
    expect(begun).toEqual(["1.1", "1.2", "2.1"]);
  });

  test("events without a key of their own are ordered by the record that they are about", async () => {
    await using pipeline = createTestPipeline();
    const gate = createSignal();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: ({ key }) => (begun.push(key), gate.wait()) },
      { order: "key" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit({ location: "orders", id: 1 });
    await pipeline.emit({ location: "orders", id: 1 });
    await pipeline.emit({ location: "orders", id: 2 });
    await pipeline.turn();
    expect(begun).toEqual(["orders/1", "orders/2"]);
    gate.set();
    await pipeline.orchestrator.idle();
    expect(begun).toEqual(["orders/1", "orders/2", "orders/1"]);
  });

  test("runs that are replayed while their process is gone keep to their order once it is back", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    const gate = createSignal();
    const begun: string[] = [];
    orchestrator.addProcess({ name: "work", run: () => undefined }, { order: "key" });
    orchestrator.addLink("source", "work");
    await orchestrator.start();
    const uids = [await pipeline.emit({ key: "k" }), await pipeline.emit({ key: "k" })];
    await orchestrator.idle();
    await orchestrator.removeProcess("work", { open: "drain" });
    await orchestrator.replay(uids.map((uid) => `${uid}/work`));
    orchestrator.addProcess(
      { name: "work", run: ({ uid }) => (begun.push(uid), gate.wait()) },
      { order: "key" },
    );
    await pipeline.turn();
    expect(begun).toEqual(uids.slice(0, 1));
    gate.set();
    await orchestrator.idle();
    expect(begun).toEqual(uids);
  });

  test.each([
    ["continue", ["1", "2", "3"]],
    ["block", ["1"]],
  ] as const)(
    "a dead run lets the next of its key go on with on_dead = %s, or holds it",
    async (onDead, expected) => {
      await using pipeline = createTestPipeline();
      const begun: string[] = [];
      let broken = true;
      pipeline.orchestrator.addProcess(
        {
          name: "work",
          run(event) {
            begun.push(event.id);
            if (event.id === "1" && broken) throw new Error("no");
          },
        },
        { order: "key", onDead, retry: { attempts: 1 } },
      );
      pipeline.orchestrator.addLink("source", "work");
      await pipeline.orchestrator.start();
      const first = await pipeline.emit({ id: "1", key: "k" });
      await pipeline.emit({ id: "2", key: "k" });
      await pipeline.emit({ id: "3", key: "k" });
      const other = await pipeline.emit({ id: "4", key: "other" });
      await pipeline.orchestrator.settled(other);
      await pipeline.turn();
      expect(begun.filter((id) => id !== "4")).toEqual(expected);
      broken = false;
      await pipeline.orchestrator.replay([`${first}/work`]);
      await pipeline.orchestrator.idle();
      expect(begun.filter((id) => id !== "4").slice(expected.length)).toEqual(
        onDead === "block" ? ["1", "2", "3"] : ["1"],
      );
    },
  );
});
