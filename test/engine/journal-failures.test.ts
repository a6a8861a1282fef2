import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SluiceError, type ErrorCode } from "../../src/model/errors.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import type { Commit } from "../../src/journal/work.ts";
import {
  createHandledInput,
  createKeptJournal,
  createTestPipeline,
  errorOf,
  withWork,
} from "../support/engine.ts";

/** A journal whose commits are refused for as long as `faults` holds something for them. */
function createFaulty(faults: (commit: Commit) => SluiceError | undefined) {
  return withWork(createMemoryJournal(), (work) => ({
    async commit(commit) {
      const fault = faults(commit);
      if (fault !== undefined) throw fault;
      return work.commit(commit);
    },
  }));
}

function fault(code: ErrorCode): SluiceError {
  return new SluiceError(code, "the journal says no");
}

describe("a journal that cannot take an event", () => {
  test.each(["JOURNAL_FULL", "JOURNAL_IO", "JOURNAL_BACKLOG"] as const)(
    "makes emit reject with %s",
    async (code) => {
      let isBroken = false;
      await using pipeline = createTestPipeline({
        journal: createFaulty((commit) =>
          isBroken && commit.append !== undefined ? fault(code) : undefined,
        ),
      });
      const { input, lives } = createHandledInput("input");
      pipeline.orchestrator.addInput(input);
      await pipeline.orchestrator.start();
      await pipeline.turn();
      isBroken = true;
      expect(await errorOf(() => pipeline.emit())).toMatchObject({ code });
      expect(await errorOf(() => lives[0]?.context.emit({}))).toMatchObject({ code });
      expect(await errorOf(() => lives[0]?.context.emitAll([{}, {}]))).toMatchObject({ code });
      expect((await pipeline.orchestrator.history.events({})).items).toEqual([]);
      isBroken = false;
      await lives[0]?.context.emit({});
      expect(pipeline.orchestrator.inputs()[1]).toMatchObject({ state: "running", restarts: 0 });
    },
  );
});

describe("a journal that cannot take outcomes for a while", () => {
  test("gets them again until it can: nothing is lost, nothing is run twice, what was emitted comes once", async () => {
    let refusals = 0;
    await using pipeline = createTestPipeline({
      journal: createFaulty((commit) => {
        if (commit.settle === undefined || refusals === 0) return undefined;
        refusals -= 1;
        return fault("JOURNAL_FULL");
      }),
    });
    const begun: string[] = [];
    const received: string[] = [];
    pipeline.orchestrator.addProcess({
      name: "work",
      run(event, { emit, log }) {
        begun.push(event.id);
        log(`line of ${event.id}`);
        emit({ id: event.id });
      },
    });
    pipeline.orchestrator.addProcess({ name: "after", run: (event) => void received.push(event.id) });
    pipeline.orchestrator.addLink("source", "work");
    pipeline.orchestrator.addLink("work", "after");
    await pipeline.orchestrator.start();
    refusals = 5;
    const uids = [
      await pipeline.emit({ id: "1" }),
      await pipeline.emit({ id: "2" }),
      await pipeline.emit({ id: "3" }),
    ];
    await pipeline.turn();
    expect(received).toEqual([]);
    expect(pipeline.errors[0]).toMatchObject({ code: "JOURNAL_FULL" });
    await pipeline.clock.advance(10_000);
    await pipeline.orchestrator.idle();
    expect(begun.toSorted()).toEqual(["1", "2", "3"]);
    expect(received.toSorted()).toEqual(["1", "2", "3"]);
    for (const [i, uid] of uids.entries()) {
      const { items } = await pipeline.orchestrator.history.logs(`${uid}/work`);
      expect(items.map(({ text }) => text)).toEqual([`line of ${i + 1}`]);
    }
  });

  test("gets them once more at a stop, rather than let their runs be done again", async () => {
    let isBroken = false;
    await using pipeline = createTestPipeline({
      journal: withWork(createKeptJournal(), (work) => ({
        async commit(commit) {
          if (isBroken && commit.settle !== undefined) throw fault("JOURNAL_IO");
          return work.commit(commit);
        },
      })),
    });
    let done = 0;
    pipeline.orchestrator.addProcess({ name: "work", run: () => void (done += 1) });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    isBroken = true;
    const uid = await pipeline.emit();
    await pipeline.clock.advance(60_000);
    isBroken = false;
    await pipeline.orchestrator.stop();
    await pipeline.orchestrator.start();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded" }]);
    expect(done).toBe(1);
  });

  test("is not hammered: the tries back off, up to five seconds", async () => {
    const tries: number[] = [];
    const now = { current: () => 0 };
    await using pipeline = createTestPipeline({
      random: () => 0.999_999,
      journal: createFaulty((commit) => {
        if (commit.settle === undefined || tries.length === 12) return undefined;
        tries.push(now.current());
        return fault("JOURNAL_IO");
      }),
    });
    now.current = () => pipeline.clock.monotonic();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.clock.advance(60_000);
    await pipeline.orchestrator.idle();
    const waits = tries.slice(1).map((at, i) => Math.round(at - (tries[i] as number)));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
  });

  test("holds the processes up rather than let outcomes pile up without bound", async () => {
    let isBroken = false;
    await using pipeline = createTestPipeline({
      journal: createFaulty((commit) =>
        isBroken && commit.settle !== undefined ? fault("JOURNAL_IO") : undefined,
      ),
    });
    let begun = 0;
    pipeline.orchestrator.addProcess({ name: "work", run: () => void (begun += 1) });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    isBroken = true;
    for (let i = 0; i < 3_000; i += 1) await pipeline.emit();
    await pipeline.turn();
    expect(begun).toBeGreaterThanOrEqual(1_000);
    expect(begun).toBeLessThan(1_010);
    isBroken = false;
    await pipeline.clock.advance(20_000);
    await pipeline.orchestrator.idle();
    expect(begun).toBe(3_000);
  });

  test("loses nothing whatever it refuses, and when (a property)", async () => {
    const codes = fc.constantFrom<ErrorCode | undefined>(
      undefined,
      undefined,
      "JOURNAL_FULL",
      "JOURNAL_IO",
      "JOURNAL_BACKLOG",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(codes, { maxLength: 40 }),
        fc.integer({ min: 1, max: 15 }),
        async (planned, count) => {
          const plan = [...planned];
          let isStarted = false;
          await using pipeline = createTestPipeline({
            journal: createFaulty(() => {
              const code = isStarted ? plan.shift() : undefined;
              return code === undefined ? undefined : fault(code);
            }),
          });
          const done: string[] = [];
          const received: string[] = [];
          pipeline.orchestrator.addProcess(
            {
              name: "work",
              run(event, { emit, attempt }) {
                if (Number(event.id) % 3 === 0 && attempt === 1) throw new Error("once");
                done.push(event.id);
                emit({ id: event.id });
              },
            },
            { order: "key", concurrency: 3, retry: { initial: 10 } },
          );
          pipeline.orchestrator.addProcess({ name: "after", run: (event) => void received.push(event.id) });
          pipeline.orchestrator.addLink("source", "work");
          pipeline.orchestrator.addLink("work", "after");
          await pipeline.orchestrator.start();
          isStarted = true;
          const acknowledged: string[] = [];
          for (let i = 0; i < count; i += 1) {
            const id = String(i);
            await pipeline.emit({ id, key: String(i % 2) }).then(
              () => acknowledged.push(id),
              () => undefined,
            );
            await pipeline.turn();
          }
          await pipeline.clock.advance(300_000);
          await pipeline.orchestrator.idle();
          expect(done.toSorted()).toEqual(acknowledged.toSorted());
          expect(received.toSorted()).toEqual(acknowledged.toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("an outcome that is refused for what it is", () => {
  /** Refuses every commit that settles a run of the event with this id other than as dead. */
  function refuse(id: string, code: ErrorCode, alsoDead = false) {
    return createFaulty((commit) => {
      const isBad = commit.settle?.some(({ claim, outcome }) => {
        return claim.event.id === id && (alsoDead || outcome.type !== "dead");
      });
      return isBad === true ? fault(code) : undefined;
    });
  }

  test("makes its run dead, and costs its neighbours neither their outcome nor their log", async () => {
    await using pipeline = createTestPipeline({ journal: refuse("bad", "INVALID_EVENT") });
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run: (event, { log }) => log(`line of ${event.id}`),
      },
      { enabled: false },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uids = new Map<string, string>();
    for (const id of ["1", "bad", "2"]) uids.set(id, await pipeline.emit({ id }));
    await pipeline.orchestrator.resume("work");
    await pipeline.orchestrator.idle();
    expect(await pipeline.orchestrator.history.run(`${uids.get("bad")}/work`)).toMatchObject({
      state: "dead",
      error: { code: "INVALID_EVENT" },
    });
    for (const id of ["1", "2"]) {
      const run = `${uids.get(id)}/work`;
      expect(await pipeline.orchestrator.history.run(run)).toMatchObject({ state: "succeeded" });
      expect((await pipeline.orchestrator.history.logs(run)).items.map(({ text }) => text)).toEqual([
        `line of ${id}`,
      ]);
    }
    expect(pipeline.errors).toMatchObject([
      { code: "INVALID_EVENT", message: expect.stringContaining(`"work"`) },
    ]);
  });

  test("that is refused even as dead is reported, and holds up neither its neighbours nor a stop", async () => {
    await using pipeline = createTestPipeline({ journal: refuse("bad", "INVALID_EVENT", true) });
    let done = 0;
    pipeline.orchestrator.addProcess({ name: "work", run: () => void (done += 1) }, { concurrency: 1 });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit({ id: "bad" });
    const good = await pipeline.emit({ id: "good" });
    expect(await pipeline.orchestrator.settled(good)).toMatchObject([{ state: "succeeded" }]);
    expect(done).toBe(2);
    expect(pipeline.errors.length).toBeGreaterThan(0);
    await pipeline.stop();
  });
});

test("a journal that cannot be read is asked for due runs again, with a back-off", async () => {
  let failures = 4;
  await using pipeline = createTestPipeline({
    journal: withWork(createMemoryJournal(), (work) => ({
      async take(...asked) {
        if (failures === 0) return work.take(...asked);
        failures -= 1;
        throw fault("JOURNAL_IO");
      },
    })),
  });
  let done = 0;
  pipeline.orchestrator.addProcess({ name: "work", run: () => void (done += 1) });
  pipeline.orchestrator.addLink("source", "work");
  await pipeline.orchestrator.start();
  await pipeline.emit();
  await pipeline.turn();
  expect(done).toBe(0);
  expect(pipeline.errors).toMatchObject([{ code: "JOURNAL_IO" }]);
  await pipeline.clock.advance(1_000);
  expect(done).toBe(1);
  expect(pipeline.errors).toHaveLength(4);
});
