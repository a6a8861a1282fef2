import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { SluiceError } from "../../src/model/errors.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import { createSignal } from "../../src/testing/signal.ts";
import {
  createKeptJournal,
  createSeededRandom,
  createTestPipeline,
  errorOf,
  listener,
  stopWith,
  untilAborted,
  withWork,
} from "../support/engine.ts";

describe("starting", () => {
  test("what runs, starts or stops already is refused with ALREADY_STARTED", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    const starting = orchestrator.start();
    expect(orchestrator.state).toBe("starting");
    expect(await errorOf(() => orchestrator.start())).toMatchObject({ code: "ALREADY_STARTED" });
    await starting;
    expect(orchestrator.state).toBe("running");
    expect(await errorOf(() => orchestrator.start())).toMatchObject({ code: "ALREADY_STARTED" });
    const stopping = orchestrator.stop();
    expect(orchestrator.state).toBe("stopping");
    expect(await errorOf(() => orchestrator.start())).toMatchObject({ code: "ALREADY_STARTED" });
    await stopping;
  });

  test("again after a stop works, as often as one likes", async () => {
    await using pipeline = createTestPipeline({ journal: createKeptJournal() });
    let done = 0;
    pipeline.orchestrator.addProcess({ name: "work", run: () => void (done += 1) });
    pipeline.orchestrator.addLink("source", "work");
    for (let i = 1; i <= 3; i += 1) {
      await pipeline.orchestrator.start();
      await pipeline.orchestrator.settled(await pipeline.emit());
      await pipeline.stop();
      expect(done).toBe(i);
    }
  });

  test("that fails leaves it stopped and startable", async () => {
    let owned = true;
    const memory = createMemoryJournal();
    await using pipeline = createTestPipeline({
      journal: {
        location: "memory:",
        async open(surroundings) {
          if (owned) throw new SluiceError("JOURNAL_OWNED", "another has it");
          return memory.open(surroundings);
        },
      },
    });
    expect(await errorOf(() => pipeline.orchestrator.start())).toMatchObject({ code: "JOURNAL_OWNED" });
    expect(pipeline.orchestrator.state).toBe("stopped");
    await pipeline.orchestrator.stop();
    await pipeline.orchestrator.stopped();
    expect(await errorOf(() => pipeline.emit())).toMatchObject({ code: "NOT_RUNNING" });
    owned = false;
    await pipeline.orchestrator.start();
    await pipeline.emit();
    expect(pipeline.orchestrator.state).toBe("running");
  });

  test("that fails after the journal was opened closes the journal", async () => {
    const closed: string[] = [];
    const memory = createMemoryJournal();
    await using pipeline = createTestPipeline({
      journal: {
        location: "memory:",
        async open(surroundings) {
          const journal = await memory.open(surroundings);
          const readState = () => Promise.reject(new SluiceError("JOURNAL_DAMAGED", "a page is broken"));
          return {
            ...journal,
            work: { ...journal.work, readState },
            close: async () => void closed.push("closed"),
          };
        },
      },
    });
    expect(await errorOf(() => pipeline.orchestrator.start())).toMatchObject({ code: "JOURNAL_DAMAGED" });
    expect(pipeline.orchestrator.state).toBe("stopped");
    expect(closed).toEqual(["closed"]);
    expect(pipeline.clock.timers).toBe(0);
  });

  test("that fails while the journal cannot even be closed still leaves it stopped", async () => {
    const memory = createMemoryJournal();
    await using pipeline = createTestPipeline({
      journal: {
        location: "memory:",
        async open(surroundings) {
          const journal = await memory.open(surroundings);
          const fail = () => Promise.reject(new SluiceError("JOURNAL_IO", "the disk is gone"));
          return { ...journal, work: { ...journal.work, readState: fail }, close: fail };
        },
      },
    });
    expect(await errorOf(() => pipeline.orchestrator.start())).toMatchObject({ code: "JOURNAL_IO" });
    expect(pipeline.orchestrator.state).toBe("stopped");
  });

  test("takes what is added while it starts, once", async () => {
    await using pipeline = createTestPipeline({ concurrency: 2 });
    let most = 0;
    const gate = createSignal();
    const starting = pipeline.orchestrator.start();
    await Promise.resolve();
    await Promise.resolve();
    pipeline.orchestrator.addProcess({ name: "work", run: () => ((most += 1), gate.wait()) });
    pipeline.orchestrator.addLink("source", "work");
    await starting;
    for (let i = 0; i < 5; i += 1) await pipeline.emit();
    await pipeline.turn();
    expect(most).toBe(2);
    gate.set();
    await pipeline.orchestrator.idle();
  });
});

describe("stopping", () => {
  test("what was never started does nothing, and it can still be started", async () => {
    await using pipeline = createTestPipeline();
    await pipeline.orchestrator.stop();
    expect(pipeline.orchestrator.state).toBe("new");
    await pipeline.orchestrator.start();
    expect(pipeline.orchestrator.state).toBe("running");
  });

  test("twice waits for the first", async () => {
    await using pipeline = createTestPipeline();
    await pipeline.orchestrator.start();
    const ended: string[] = [];
    const first = pipeline.orchestrator.stop().then(() => ended.push("first"));
    const second = pipeline.orchestrator.stop().then(() => ended.push("second"));
    await Promise.all([first, second, pipeline.orchestrator.stopped()]);
    expect(ended).toEqual(["first", "second"]);
    expect(pipeline.orchestrator.state).toBe("stopped");
    await pipeline.orchestrator.stop();
  });

  test("while it starts waits for the start, then stops", async () => {
    await using pipeline = createTestPipeline();
    const starting = pipeline.orchestrator.start();
    const stopping = pipeline.orchestrator.stop();
    await starting;
    await stopping;
    expect(pipeline.orchestrator.state).toBe("stopped");
  });

  test("finishes what ends within the grace time, and begins nothing more", async () => {
    await using pipeline = createTestPipeline({ journal: createKeptJournal(), grace: "10s" });
    const begun: string[] = [];
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        async run(event, { clock, signal }) {
          begun.push(event.id);
          await new Promise<void>((resolve) => void clock.setTimer(9_000, resolve));
          if (signal.aborted) throw signal.reason;
        },
      },
      { concurrency: 1 },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const first = await pipeline.emit({ id: "1" });
    const second = await pipeline.emit({ id: "2" });
    await pipeline.turn();
    await pipeline.stop();
    expect(begun).toEqual(["1"]);
    await pipeline.orchestrator.start();
    expect(await pipeline.orchestrator.history.run(`${first}/work`)).toMatchObject({
      state: "succeeded",
      attempts: 1,
    });
    await pipeline.clock.advance(9_000);
    expect(await pipeline.orchestrator.settled(second)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
  });

  test("aborts what does not end in time with SHUTDOWN and hands it back: no attempt is lost, the next start runs it", async () => {
    await using pipeline = createTestPipeline({ journal: createKeptJournal(), grace: "10s" });
    const attempts: number[] = [];
    const reasons: unknown[] = [];
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        async run(_, { attempt, signal, emit }) {
          emit({ id: "half done" });
          if (attempts.push(attempt) > 1) return;
          await untilAborted(signal);
          reasons.push(signal.reason);
          throw signal.reason;
        },
      },
      { retry: { attempts: 1 } },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    const stopping = pipeline.orchestrator.stop();
    await pipeline.clock.advance(9_999);
    expect(reasons).toEqual([]);
    await pipeline.clock.advance(1);
    await stopping;
    expect(reasons).toMatchObject([{ code: "SHUTDOWN" }]);
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
    expect(attempts).toEqual([1, 1]);
    expect(await pipeline.orchestrator.history.attempts(`${uid}/work`)).toMatchObject([
      { outcome: "released" },
      { outcome: "succeeded" },
    ]);
    expect((await pipeline.orchestrator.history.events({ trigger: "work" })).items).toHaveLength(1);
  });

  test("hands back what ignores even that, and refuses what it does later", async () => {
    await using pipeline = createTestPipeline({ journal: createKeptJournal(), grace: "10s" });
    const gate = createSignal();
    const late: unknown[] = [];
    let begun = 0;
    pipeline.orchestrator.addProcess({
      name: "work",
      async run(_, { emit }) {
        begun += 1;
        if (begun > 1) return;
        await gate.wait();
        late.push(await errorOf(() => emit({})));
      },
    });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    const stopping = pipeline.orchestrator.stop();
    await pipeline.clock.advance(12_000);
    await stopping;
    gate.set();
    await pipeline.turn();
    expect(late).toMatchObject([{ code: "ABANDONED" }]);
    await pipeline.orchestrator.start();
    await pipeline.turn();
    expect(await pipeline.orchestrator.settled(uid)).toMatchObject([{ state: "succeeded", attempts: 1 }]);
  });

  test("needs no time if nothing runs, though everything was paused and resumed over and over", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    await pipeline.orchestrator.start();
    for (const name of ["work", "source"]) {
      for (const change of ["resume", "resume", "pause", "pause", "resume", "resume"] as const) {
        await pipeline.orchestrator[change](name);
        await pipeline.turn();
      }
    }
    await pipeline.orchestrator.stop();
    expect(pipeline.orchestrator.state).toBe("stopped");
  });

  test("starts nothing that is added meanwhile", async () => {
    await using pipeline = createTestPipeline({ grace: "1s" });
    const begun: string[] = [];
    pipeline.orchestrator.addProcess({ name: "work", run: (_, { signal }) => untilAborted(signal) });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.turn();
    const stopping = pipeline.orchestrator.stop();
    await pipeline.turn();
    pipeline.orchestrator.addProcess({
      name: "late",
      open: async () => void begun.push("opened"),
      run: () => void begun.push("run"),
    });
    pipeline.orchestrator.addInput({ name: "later", handle: async () => void begun.push("input") });
    await pipeline.clock.advance(1_000);
    await stopping;
    expect(begun).toEqual([]);
    expect(pipeline.errors).toEqual([]);
  });

  test("may be told another grace time", async () => {
    await using pipeline = createTestPipeline({ grace: "1h" });
    pipeline.orchestrator.addProcess({ name: "work", run: (_, { signal }) => untilAborted(signal) });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.turn();
    await Promise.all([pipeline.orchestrator.stop({ grace: 0 }), pipeline.clock.advance(0)]);
    expect(pipeline.orchestrator.state).toBe("stopped");
  });

  test("with a grace time that is none is refused, and stops nothing", async () => {
    await using pipeline = createTestPipeline();
    await pipeline.orchestrator.start();
    expect(await errorOf(() => pipeline.orchestrator.stop({ grace: "soon" }))).toMatchObject({
      code: "INVALID_DURATION",
    });
    expect(pipeline.orchestrator.state).toBe("running");
  });

  test("ends within the grace time and two seconds, whatever hangs: an input, a run, an open, a close, the journal", async () => {
    const forever = new Promise<never>(() => undefined);
    let isStuck = false;
    await using pipeline = createTestPipeline({
      grace: "10s",
      journal: withWork(createMemoryJournal(), (work) => ({
        commit: (commit) => (isStuck ? forever : work.commit(commit)),
      })),
    });
    pipeline.orchestrator.addInput({ name: "deaf", handle: () => forever });
    pipeline.orchestrator.addProcess({ name: "hangs", run: () => forever, close: () => forever });
    pipeline.orchestrator.addProcess({ name: "closed", open: () => forever, run: () => undefined });
    pipeline.orchestrator.addLink("source", "hangs");
    pipeline.orchestrator.addLink("source", "closed");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.turn();
    isStuck = true;
    const stopping = pipeline.orchestrator.stop();
    await pipeline.clock.advance(12_000);
    await stopping;
    expect(pipeline.orchestrator.state).toBe("stopped");
  });

  test("opens each process once before its first run and closes it once after its last", async () => {
    await using pipeline = createTestPipeline({ name: "orders" });
    const calls: unknown[] = [];
    pipeline.orchestrator.addProcess({
      name: "work",
      open: async ({ pipeline: name, journalId, epoch }) =>
        void calls.push(["open", name, journalId === pipeline.orchestrator.journal.id, epoch]),
      run: () => void calls.push("run"),
      close: async () => void calls.push("close"),
    });
    pipeline.orchestrator.addProcess(
      {
        name: "unused",
        run: () => undefined,
        close: async () => void calls.push("never opened"),
      },
      { enabled: false },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.emit();
    await pipeline.orchestrator.idle();
    await pipeline.stop();
    expect(calls).toEqual([["open", "orders", true, 1], "run", "run", "close"]);
  });

  test("tells who waits for something that will not come", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined }, { enabled: false });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    const waiting = [
      errorOf(() => pipeline.orchestrator.idle()),
      errorOf(() => pipeline.orchestrator.settled(uid)),
      errorOf(() => pipeline.orchestrator.removeProcess("work", { open: "drain" })),
    ];
    await pipeline.turn();
    await pipeline.stop();
    expect((await Promise.all(waiting)).map((error) => error.code)).toEqual(Array(3).fill("NOT_RUNNING"));
  });

  test("leaves no timer and no listener behind", async () => {
    await using pipeline = createTestPipeline();
    pipeline.orchestrator.addInput(listener("other"), { expectEvery: "1s" });
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run() {
          throw new Error("no");
        },
      },
      { timeout: "1m", rate: "1/m" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.emit();
    await pipeline.turn();
    await pipeline.stop();
    expect(pipeline.clock.timers).toBe(0);
  });
});

describe("what is asked of a pipeline that does not run", () => {
  test("is refused with NOT_RUNNING where it needs the journal", async () => {
    await using pipeline = createTestPipeline();
    const { orchestrator } = pipeline;
    const asked = [
      () => orchestrator.emit("source", {}),
      () => orchestrator.settled("0193c0de-0000-7000-8000-000000000000"),
      () => orchestrator.idle(),
      () => orchestrator.pause("source"),
      () => orchestrator.resume("source"),
      () => orchestrator.restart("source"),
      () => orchestrator.cancel([]),
      () => orchestrator.replay([]),
      () => orchestrator.replayAll({ state: "dead" }),
      () => orchestrator.processes(),
      () => orchestrator.history,
      () => orchestrator.journal,
    ];
    for (const ask of asked) expect(await errorOf(ask)).toMatchObject({ code: "NOT_RUNNING" });
    expect(orchestrator.inputs()).toEqual([]);
    expect(orchestrator.graph().nodes).toHaveLength(1);
  });

  test("waiting for an event that there is not is refused", async () => {
    await using pipeline = createTestPipeline();
    await pipeline.orchestrator.start();
    expect(
      await errorOf(() => pipeline.orchestrator.settled("0193c0de-0000-7000-8000-000000000000")),
    ).toMatchObject({ code: "EVENT_NOT_FOUND" });
  });
});

test("an orchestrator declared with await using is stopped at the end of its block", async () => {
  const seen: Orchestrator[] = [];
  {
    await using orchestrator = new Orchestrator({ journal: createMemoryJournal() });
    orchestrator.addInput(listener("source"));
    await orchestrator.start();
    seen.push(orchestrator);
  }
  expect(seen[0]?.state).toBe("stopped");
});

test("several orchestrators in one process do not disturb one another", async () => {
  const clock = createFakeClock();
  const pipelines = await Promise.all(
    ["one", "two", "three"].map(async (name) => {
      const orchestrator = new Orchestrator({
        name,
        journal: createMemoryJournal(),
        clock,
        random: createSeededRandom(),
      });
      const done: string[] = [];
      const errors: SluiceError[] = [];
      orchestrator.onError((error) => void errors.push(error));
      orchestrator.addInput(listener("source"));
      orchestrator.addProcess(
        {
          name: "work",
          run(event) {
            if (name === "two") throw new Error("only here");
            done.push(event.id);
          },
        },
        { retry: { attempts: 1 } },
      );
      orchestrator.addLink("source", "work");
      await orchestrator.start();
      return { name, orchestrator, done, errors };
    }),
  );
  for (const { name, orchestrator } of pipelines) await orchestrator.emit("source", { id: name });
  await pipelines[0]?.orchestrator.pause("source");
  await Promise.all(pipelines.map(({ orchestrator }) => orchestrator.idle()));
  expect(pipelines.map(({ done }) => done)).toEqual([["one"], [], ["three"]]);
  await clock.advance(0);
  expect(pipelines.map(({ orchestrator }) => orchestrator.inputs()[0]?.state)).toEqual([
    "paused",
    "running",
    "running",
  ]);
  await stopWith(pipelines[0]?.orchestrator as Orchestrator, clock);
  await pipelines[1]?.orchestrator.emit("source", {});
  expect(pipelines.map(({ orchestrator }) => orchestrator.state)).toEqual(["stopped", "running", "running"]);
  for (const { orchestrator } of pipelines) await stopWith(orchestrator, clock);
});

describe("run()", () => {
  test("resolves when somebody stops it, and takes its handlers away", async () => {
    await using pipeline = createTestPipeline();
    const before = process.listenerCount("SIGTERM");
    const running = pipeline.orchestrator.run();
    await pipeline.turn();
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    await pipeline.stop();
    await running;
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  test("rejects if the start fails, and takes its handlers away", async () => {
    const before = process.listenerCount("SIGTERM");
    const orchestrator = new Orchestrator({
      journal: { location: "memory:", open: () => Promise.reject(new SluiceError("JOURNAL_OWNED", "no")) },
    });
    expect(await errorOf(() => orchestrator.run())).toMatchObject({ code: "JOURNAL_OWNED" });
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "stops at the first %s, finishing what runs, and exits with 0",
    async (signal) => {
      const child = start("obeys");
      await child.says("running");
      child.process.kill(signal);
      await child.says("input ended");
      child.process.stdin?.write("go on\n");
      expect(await child.exit()).toEqual([0, null]);
      expect(child.said()).toEqual(["opening", "running", "input ended", "finished", "state stopped"]);
    },
  );

  test("stops at a SIGTERM that comes while it starts, and exits with 0", async () => {
    const child = start("waits");
    await child.says("opening");
    child.process.kill("SIGTERM");
    child.process.stdin?.write("go on\n");
    expect(await child.exit()).toEqual([0, null]);
    expect(child.said().at(-1)).toBe("state stopped");
  });

  test("ends at once at the second SIGTERM, with 143", async () => {
    const child = start("hangs");
    await child.says("running");
    child.process.kill("SIGTERM");
    await child.says("input ended");
    child.process.kill("SIGTERM");
    expect(await child.exit()).toEqual([143, null]);
    expect(child.said()).not.toContain("state stopped");
  });
});

function start(behaviour: string) {
  const fixture = fileURLToPath(new URL("fixtures/signalled.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [fixture, behaviour], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  let text = "";
  const said = (): string[] => text.split("\n").filter(Boolean);
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return {
    process: child,
    said,
    exit: () => exited,
    async says(line: string) {
      while (!said().includes(line)) {
        const ended = await Promise.race([once(child.stdout as never, "data"), exited.then(() => "exited")]);
        if (ended === "exited" && !said().includes(line))
          throw new Error(`it ended without saying "${line}": ${text}`);
      }
    },
  };
}
