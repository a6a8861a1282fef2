import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSignal, type Signal } from "../../src/testing/signal.ts";
import { createTestPipeline } from "../support/engine.ts";

describe("a process", () => {
  test("never runs more at a time than its concurrency, and never fewer while more is due", async () => {
    const steps = fc.array(fc.oneof(fc.constant("emit" as const), fc.nat(9)), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), steps, async (concurrency, asked) => {
        await using pipeline = createTestPipeline();
        const running: Signal[] = [];
        pipeline.orchestrator.addProcess(
          {
            name: "work",
            async run() {
              const gate = createSignal();
              running.push(gate);
              await gate.wait();
            },
          },
          { concurrency },
        );
        pipeline.orchestrator.addLink("source", "work");
        await pipeline.orchestrator.start();
        let open = 0;
        for (const one of asked) {
          if (one === "emit") {
            await pipeline.emit();
            open += 1;
          } else if (running.length > 0) {
            running.splice(one % running.length, 1)[0]?.set();
            open -= 1;
          }
          await pipeline.turn();
          expect(running.length).toBe(Math.min(concurrency, open));
        }
        for (const gate of running) gate.set();
      }),
      { numRuns: 60 },
    );
  });

  test("starts the oldest runs first", async () => {
    await using pipeline = createTestPipeline();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => void begun.push(event.id) },
      { concurrency: 1 },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    for (let i = 0; i < 500; i += 1) void pipeline.emit({ id: i });
    await pipeline.turn();
    await pipeline.orchestrator.idle();
    expect(begun.map(Number)).toEqual([...Array(500).keys()]);
  });

  test("has eight slots if it says nothing", async () => {
    await using pipeline = createTestPipeline();
    let running = 0;
    const gate = createSignal();
    pipeline.orchestrator.addProcess({ name: "work", run: () => ((running += 1), gate.wait()) });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    for (let i = 0; i < 20; i += 1) await pipeline.emit();
    await pipeline.turn();
    expect(running).toBe(8);
    gate.set();
  });
});

describe("a total limit", () => {
  const work = fc.record({
    total: fc.integer({ min: 1, max: 6 }),
    concurrencies: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    steps: fc.array(
      fc.oneof(
        fc.record({ emit: fc.nat(3) }),
        fc.record({ end: fc.nat(19) }),
        fc.record({ pause: fc.nat(3) }),
        fc.record({ resume: fc.nat(3) }),
      ),
      { maxLength: 60 },
    ),
  });

  test("is never exceeded but for each process's own slot, starves none, and leaves no slot idle that could be used", async () => {
    await fc.assert(
      fc.asyncProperty(work, async ({ total, concurrencies, steps }) => {
        await using pipeline = createTestPipeline({ concurrency: total });
        const { orchestrator } = pipeline;
        const running: { process: number; gate: Signal }[] = [];
        const open = concurrencies.map(() => 0);
        const paused = concurrencies.map(() => false);
        for (const [i, concurrency] of concurrencies.entries()) {
          orchestrator.addInput({ name: `source${i}`, handle: async () => undefined });
          orchestrator.addProcess(
            {
              name: `work${i}`,
              async run() {
                const one = { process: i, gate: createSignal() };
                running.push(one);
                await one.gate.wait();
              },
            },
            { concurrency },
          );
          orchestrator.addLink(`source${i}`, `work${i}`);
        }
        await orchestrator.start();
        const count = (process: number): number => running.filter((one) => one.process === process).length;
        const slots = Math.max(total, concurrencies.length);
        for (const asked of steps) {
          if ("emit" in asked) {
            const i = asked.emit % concurrencies.length;
            await orchestrator.emit(`source${i}`, {});
            open[i] = (open[i] as number) + 1;
          } else if ("end" in asked && running.length > 0) {
            const [one] = running.splice(asked.end % running.length, 1) as [(typeof running)[number]];
            open[one.process] = (open[one.process] as number) - 1;
            one.gate.set();
          } else if ("pause" in asked) {
            paused[asked.pause % paused.length] = true;
            await orchestrator.pause(`work${asked.pause % paused.length}`);
          } else if ("resume" in asked) {
            paused[asked.resume % paused.length] = false;
            await orchestrator.resume(`work${asked.resume % paused.length}`);
          }
          await pipeline.turn();
          expect(running.length).toBeLessThanOrEqual(slots);
          let shared = 0;
          for (const i of concurrencies.keys()) {
            expect(count(i)).toBeLessThanOrEqual(concurrencies[i] as number);
            if (!paused[i] && (open[i] as number) > 0) expect(count(i)).toBeGreaterThan(0);
            shared += Math.max(0, count(i) - 1);
          }
          const couldUseMore = [...concurrencies.keys()].some((i) => {
            return !paused[i] && count(i) < Math.min(concurrencies[i] as number, open[i] as number);
          });
          if (couldUseMore) expect(shared).toBe(slots - concurrencies.length);
        }
        for (const i of paused.keys()) await orchestrator.resume(`work${i}`);
        await pipeline.turn();
        while (running.length > 0) {
          running.pop()?.gate.set();
          await pipeline.turn();
        }
        await orchestrator.idle();
      }),
      { numRuns: 150 },
    );
  });

  test("of one runs the runs of one process after the other, to the last", async () => {
    await using pipeline = createTestPipeline({ concurrency: 1 });
    let running = 0;
    let most = 0;
    let done = 0;
    pipeline.orchestrator.addProcess({
      name: "work",
      async run() {
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        done += 1;
      },
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    for (let i = 0; i < 50; i += 1) await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.idle();
    expect([most, done]).toEqual([1, 50]);
  });

  test("does not count an attempt that was abandoned", async () => {
    await using pipeline = createTestPipeline({ concurrency: 1 });
    const forever = createSignal();
    const done: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => (event.id === "1" ? forever.wait() : void done.push(event.id)) },
      { timeout: "1s", grace: "1s", retry: { attempts: 1 } },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "1" });
    await pipeline.emit({ id: "2" });
    await pipeline.clock.advance(2_000);
    expect(done).toEqual(["2"]);
  });

  test("does not let the stack grow with the runs of a process that answers at once", async () => {
    await using pipeline = createTestPipeline({ concurrency: 5_000 });
    let done = 0;
    pipeline.orchestrator.addProcess(
      { name: "work", run: () => void (done += 1) },
      { concurrency: 10_000, enabled: false },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await Promise.all(Array.from({ length: 20_000 }, () => pipeline.emit()));
    await pipeline.orchestrator.resume("work");
    await pipeline.orchestrator.idle();
    expect(done).toBe(20_000);
  });
});

describe("a rate", () => {
  const asked = fc.record({
    count: fc.integer({ min: 1, max: 5 }),
    total: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    steps: fc.array(
      fc.record({ emit: fc.nat(4), wait: fc.integer({ min: 0, max: 900 }), lasts: fc.nat(1_500) }),
      {
        maxLength: 25,
      },
    ),
  });

  test("holds in any stretch of its period, however runs come and end, and no run is held up for longer than it asks", async () => {
    await fc.assert(
      fc.asyncProperty(asked, async ({ count, total, steps }) => {
        await using pipeline = createTestPipeline(total === undefined ? {} : { concurrency: total });
        const { clock, orchestrator } = pipeline;
        const starts: number[] = [];
        orchestrator.addProcess(
          {
            name: "work",
            run(event, context) {
              starts.push(clock.monotonic());
              const { lasts } = event.data as { lasts: number };
              return new Promise<void>((resolve) => void context.clock.setTimer(lasts, resolve));
            },
          },
          { rate: `${count}/s`, concurrency: 4 },
        );
        orchestrator.addLink("source", "work");
        await orchestrator.start();
        let emitted = 0;
        for (const { emit, wait, lasts } of steps) {
          for (let i = 0; i < emit; i += 1) await pipeline.emit({ data: { lasts } });
          emitted += emit;
          await clock.advance(wait);
        }
        await clock.advance(emitted * 2_500);
        expect(starts).toHaveLength(emitted);
        for (const start of starts) {
          expect(starts.filter((at) => at >= start && at < start + 1_000).length).toBeLessThanOrEqual(count);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("is used to the full: a backlog starts as many in each period as it says", async () => {
    await using pipeline = createTestPipeline();
    const starts: number[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: () => void starts.push(pipeline.clock.monotonic()) },
      { rate: "3/s" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    for (let i = 0; i < 10; i += 1) await pipeline.emit();
    await pipeline.clock.advance(3_500);
    expect(starts).toEqual([0, 0, 0, 1_000, 1_000, 1_000, 2_000, 2_000, 2_000, 3_000]);
  });

  test("does not count runs that were taken but handed back", async () => {
    await using pipeline = createTestPipeline({ concurrency: 1 });
    const gate = createSignal();
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      { name: "work", run: (event) => (begun.push(event.id), event.id === "1" ? gate.wait() : undefined) },
      { rate: "3/h" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    for (const id of ["1", "2", "3"]) await pipeline.emit({ id });
    await pipeline.turn();
    await pipeline.orchestrator.pause("work");
    gate.set();
    await pipeline.turn();
    await pipeline.orchestrator.resume("work");
    await pipeline.turn();
    expect(begun).toEqual(["1", "2", "3"]);
  });
});
