import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import type { Process, ProcessSettings } from "../../src/model/component.ts";
import { journalFrom } from "../../src/journal/open.ts";
import { Orchestrator, type EngineOptions } from "../../src/engine/orchestrator.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import { createLatch, createSignal } from "../../src/testing/signal.ts";
import { errorOf, listener, throwWhenAborted } from "../support/engine.ts";

function createJournalPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-durable-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "journal.db");
}

interface Life {
  readonly run?: Process["run"];
  readonly settings?: ProcessSettings;
  readonly options?: Partial<EngineOptions>;
}

/** One life of the pipeline `source → work` over the journal at this path. */
async function live(
  path: string,
  life: Life,
  use: (orchestrator: Orchestrator) => Promise<void>,
): Promise<void> {
  await using orchestrator = new Orchestrator({ journal: journalFrom(`sqlite:${path}`), ...life.options });
  orchestrator.addInput(listener("source"));
  orchestrator.addProcess({ name: "work", run: life.run ?? (() => undefined) }, life.settings);
  orchestrator.addLink("source", "work");
  await orchestrator.start();
  await use(orchestrator);
}

describe("over a restart of the orchestrator", () => {
  test("what is paused stays paused: inputs and processes, until they are resumed", async () => {
    const path = createJournalPath();
    let done = 0;
    const life: Life = { run: () => void (done += 1) };
    await live(path, life, async (orchestrator) => {
      await orchestrator.pause("source");
      await orchestrator.pause("work");
      await orchestrator.emit("source", {});
    });
    await live(path, life, async (orchestrator) => {
      expect(orchestrator.inputs()).toMatchObject([{ name: "source", state: "paused" }]);
      expect(await orchestrator.processes()).toMatchObject([
        { name: "work", state: "paused", runs: { queued: 1 } },
      ]);
      expect(done).toBe(0);
      await orchestrator.resume("source");
      await orchestrator.resume("work");
      await orchestrator.idle();
    });
    await live(path, life, async (orchestrator) => {
      expect(orchestrator.inputs()).not.toMatchObject([{ state: "paused" }]);
      await orchestrator.emit("source", {});
      await orchestrator.idle();
    });
    expect(done).toBe(2);
  });

  test("a run that was cut off goes on at the next start, its attempt not counted", async () => {
    const path = createJournalPath();
    const begun = createSignal();
    const attempts: [number, number][] = [];
    let uid = "";
    await live(
      path,
      {
        settings: { retry: { attempts: 1 } },
        options: { grace: 0 },
        async run(_, { signal, attempt, fence, emit }) {
          attempts.push([attempt, fence]);
          emit({ id: "never seen" });
          begun.set();
          await throwWhenAborted(signal);
        },
      },
      async (orchestrator) => {
        ({ uid } = await orchestrator.emit("source", {}));
        await begun.wait();
      },
    );
    await live(
      path,
      { run: (_, { attempt, fence }) => void attempts.push([attempt, fence]) },
      async (orchestrator) => {
        expect(await orchestrator.settled(uid)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
        expect(await orchestrator.history.attempts(`${uid}/work`)).toMatchObject([
          { outcome: "released", attempt: 1 },
          { outcome: "succeeded", attempt: 1 },
        ]);
        expect((await orchestrator.history.events({ trigger: "work" })).items).toEqual([]);
      },
    );
    const [[first, before], [second, after]] = attempts as [[number, number], [number, number]];
    expect([first, second]).toEqual([1, 1]);
    expect(after).toBeGreaterThan(before);
  });

  test("a run that was retrying keeps its attempts and its error, and is tried again", async () => {
    const path = createJournalPath();
    const failed = createSignal();
    const attempts: number[] = [];
    let uid = "";
    await live(
      path,
      {
        settings: { retry: { initial: 50 } },
        run(_, { attempt }) {
          attempts.push(attempt);
          failed.set();
          throw new Error("not yet");
        },
        options: { random: () => 0.999 },
      },
      async (orchestrator) => {
        ({ uid } = await orchestrator.emit("source", {}));
        await failed.wait();
      },
    );
    await live(path, { run: (_, { attempt }) => void attempts.push(attempt) }, async (orchestrator) => {
      const [run] = await orchestrator.settled(uid);
      expect(run).toMatchObject({ state: "succeeded", error: null });
      expect(run?.attempts).toBe(attempts.length);
      expect(attempts).toEqual(attempts.map((_, i) => i + 1));
    });
  });

  test("the cause of an event that comes from outside is found among the runs of earlier lives", async () => {
    const path = createJournalPath();
    let cause: Event["cause"];
    let first = "";
    await live(path, {}, async (orchestrator) => {
      first = (await orchestrator.emit("source", { cause: { runs: ["elsewhere"], hops: 6 } })).uid;
      await orchestrator.settled(first);
    });
    await live(path, { run: (event) => void (cause = event.cause) }, async (orchestrator) => {
      const { uid } = await orchestrator.emit("source", { cause: { runs: [`${first}/work`], hops: 0 } });
      await orchestrator.settled(uid);
      const journey = await orchestrator.history.journey(first);
      expect(journey?.caused.map((event) => event.uid)).toEqual([uid]);
    });
    expect(cause).toEqual({ runs: [`${first}/work`], hops: 7 });
  });

  test("keys stay in order, and a key that a dead run blocks stays blocked until that is replayed", async () => {
    const path = createJournalPath();
    const begun: string[] = [];
    const life = (isBroken: boolean): Life => ({
      settings: { order: "key", onDead: "block", retry: { attempts: 1 } },
      run(event) {
        begun.push(event.id);
        if (isBroken && event.id === "1") throw new Error("broken");
      },
    });
    let dead = "";
    await live(path, life(true), async (orchestrator) => {
      dead = (await orchestrator.emit("source", { id: "1", key: "k" })).uid;
      await orchestrator.emit("source", { id: "2", key: "k" });
      await orchestrator.settled(dead);
    });
    await live(path, life(false), async (orchestrator) => {
      await orchestrator.emit("source", { id: "3", key: "k" });
      const other = await orchestrator.emit("source", { id: "4", key: "other" });
      await orchestrator.settled(other.uid);
      expect(begun).toEqual(["1", "4"]);
      await orchestrator.replay([`${dead}/work`]);
      await orchestrator.idle();
    });
    expect(begun).toEqual(["1", "4", "1", "2", "3"]);
  });

  test("open runs of a process that is gone stay, and are run once it is back", async () => {
    const path = createJournalPath();
    const life: Life = { settings: { enabled: false } };
    let uid = "";
    await live(path, life, async (orchestrator) => {
      ({ uid } = await orchestrator.emit("source", {}));
    });
    await using without = new Orchestrator({ journal: journalFrom(`sqlite:${path}`) });
    await without.start();
    expect(await without.history.run(`${uid}/work`)).toMatchObject({ state: "queued" });
    await without.stop();
    await live(path, {}, async (orchestrator) => {
      expect(await orchestrator.settled(uid)).toMatchObject([{ state: "succeeded" }]);
    });
  });

  test("the epoch and the fences only grow", async () => {
    const path = createJournalPath();
    const fences: number[] = [];
    const epochs: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      await live(path, { run: (_, { fence }) => void fences.push(fence) }, async (orchestrator) => {
        epochs.push(orchestrator.journal.epoch);
        await orchestrator.settled((await orchestrator.emit("source", {})).uid);
      });
    }
    expect(epochs).toEqual([1, 2, 3]);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(3);
  });
});

test("a journal that another orchestrator owns refuses the start, which works once the other has stopped", async () => {
  const path = createJournalPath();
  await using second = new Orchestrator({ journal: journalFrom(`sqlite:${path}`) });
  await live(path, {}, async () => {
    expect(await errorOf(() => second.start())).toMatchObject({ code: "JOURNAL_OWNED" });
    expect(second.state).toBe("stopped");
  });
  await second.start();
  expect(second.state).toBe("running");
});

test("who waits for runs when the pipeline stops is told so", async () => {
  const path = createJournalPath();
  const waiting: Promise<{ code: string }>[] = [];
  await live(path, { settings: { enabled: false } }, async (orchestrator) => {
    const { uid } = await orchestrator.emit("source", {});
    waiting.push(errorOf(() => orchestrator.settled(uid)));
    waiting.push(errorOf(() => orchestrator.idle()));
    waiting.push(errorOf(() => orchestrator.removeProcess("work", { open: "drain" })));
  });
  expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual(Array(3).fill("NOT_RUNNING"));
});

test("a thousand events through two stages: each runs once at each, under a stop in the middle", async () => {
  const path = createJournalPath();
  const seen: string[] = [];
  const received: string[] = [];
  const some = createLatch(300);
  async function stage(use: (orchestrator: Orchestrator) => Promise<void>): Promise<void> {
    await using orchestrator = new Orchestrator({ journal: journalFrom(`sqlite:${path}`) });
    orchestrator.addInput(listener("source"));
    orchestrator.addProcess({
      name: "work",
      async run(event, { emit }) {
        emit({ id: event.id });
        await Promise.resolve();
        seen.push(event.id);
        some.countDown();
      },
    });
    orchestrator.addProcess(
      { name: "after", run: (event) => void received.push(event.id) },
      { order: "key" },
    );
    orchestrator.addLink("source", "work");
    orchestrator.addLink("work", "after");
    await orchestrator.start();
    await use(orchestrator);
  }
  const ids = Array.from({ length: 1_000 }, (_, i) => String(i));
  await stage(async (orchestrator) => {
    await Promise.all(ids.map((id) => orchestrator.emit("source", { id })));
    await some.wait();
  });
  await stage((orchestrator) => orchestrator.idle());
  expect(seen.toSorted()).toEqual(ids.toSorted());
  expect(received.toSorted()).toEqual(ids.toSorted());
});

test("a wall clock that is set back an hour holds no retry up beyond its own delay", async () => {
  const path = createJournalPath();
  const clock = createFakeClock(Date.UTC(2026, 5, 1, 12));
  const failed = createSignal();
  let attempts = 0;
  const life: Life = {
    settings: { retry: { initial: 1_000 } },
    options: { clock, random: () => 0.5, grace: 0 },
    run() {
      attempts += 1;
      failed.set();
      if (attempts === 1) throw new Error("once");
    },
  };
  let uid = "";
  await live(path, life, async (orchestrator) => {
    ({ uid } = await orchestrator.emit("source", {}));
    await failed.wait();
  });
  clock.step(-3_600_000);
  await live(path, life, async (orchestrator) => {
    const settled = orchestrator.settled(uid);
    let isSettled = false;
    void settled.then(() => (isSettled = true));
    while (!isSettled) await clock.advance(1);
    expect(clock.monotonic()).toBeLessThan(1_800_000);
    expect(await settled).toMatchObject([{ state: "succeeded", attempts: 2 }]);
  });
});

test("a run is told for how long it may be replayed, should it die", async () => {
  const path = createJournalPath();
  const options = { journal: journalFrom(`sqlite:${path}`, { dead: "90d" }) };
  let told: number | undefined;
  const run: Process["run"] = (_event, { replayableFor }) => void (told = replayableFor);
  await live(path, { run, options }, async (orchestrator) => {
    const { uid } = await orchestrator.emit("source", {});
    await orchestrator.settled(uid);
  });
  expect(told).toBe(90 * 86_400_000);
});
