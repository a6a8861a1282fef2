import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { PermanentError, Postponed, type SluiceError } from "../../src/model/errors.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { createHandledInput, createTestPipeline, withWork } from "../support/engine.ts";

/** Makes the pipeline report one error, which says `text`. */
function createFailing() {
  const pipeline = createTestPipeline();
  const { input, lives } = createHandledInput("failing");
  pipeline.orchestrator.addInput(input);
  return {
    ...pipeline,
    async report(text: string) {
      lives.at(-1)?.fail(new Error(text));
      await pipeline.turn();
      await pipeline.orchestrator.restart("failing");
      await pipeline.turn();
    },
  };
}

describe("the stream of errors", () => {
  test("gives them in order, to each of its readers, and ends with its signal", async () => {
    await using pipeline = createFailing();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const controller = new AbortController();
    const readers = [0, 1].map(() => collect(pipeline.orchestrator, controller.signal));
    await pipeline.report("one");
    await pipeline.report("two");
    controller.abort();
    for (const reader of readers) {
      expect((await reader).map(({ message }) => message)).toEqual([
        expect.stringContaining("one"),
        expect.stringContaining("two"),
      ]);
    }
  });

  test("never holds up the pipeline: a reader that falls behind loses the oldest past a thousand", async () => {
    await using pipeline = createFailing();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    const errors = pipeline.orchestrator.errors()[Symbol.asyncIterator]();
    const first = errors.next();
    await pipeline.report("read at once");
    expect((await first).value?.message).toContain("read at once");
    for (let i = 0; i < 1_003; i += 1) await pipeline.report(`number ${i} of many`);
    expect((await errors.next()).value?.message).toContain("number 3 of many");
    let last: SluiceError | undefined;
    for (let i = 1; i < 1_000; i += 1) last = (await errors.next()).value ?? undefined;
    expect(last?.message).toContain("number 1002 of many");
    await errors.return?.();
  });

  test("goes on over a stop and a start", async () => {
    await using pipeline = createFailing();
    const controller = new AbortController();
    const reader = collect(pipeline.orchestrator, controller.signal);
    for (const text of ["first life", "second life"]) {
      await pipeline.orchestrator.start();
      await pipeline.turn();
      await pipeline.report(text);
      await pipeline.stop();
    }
    controller.abort();
    expect(await reader).toHaveLength(2);
  });
});

async function collect(orchestrator: Orchestrator, signal: AbortSignal): Promise<SluiceError[]> {
  const errors: SluiceError[] = [];
  for await (const error of orchestrator.errors(signal)) errors.push(error);
  return errors;
}

describe("a listener for errors", () => {
  test("that throws or rejects disturbs neither the host nor the other listeners", async () => {
    await using pipeline = createFailing();
    const heard: string[] = [];
    pipeline.orchestrator.onError(() => {
      throw new Error("a bad listener");
    });
    // oxlint-disable-next-line typescript/no-misused-promises -- a listener that should not be one
    pipeline.orchestrator.onError(async () => {
      throw new Error("a bad async listener");
    });
    pipeline.orchestrator.onError((error) => void heard.push(error.code));
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.report("one");
    expect(heard).toEqual(["INPUT_FAILED"]);
    expect(pipeline.orchestrator.state).toBe("running");
  });

  test("hears nothing more once it has gone", async () => {
    await using pipeline = createFailing();
    const heard: string[] = [];
    const end = pipeline.orchestrator.onError((error) => void heard.push(error.code));
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.report("one");
    end();
    await pipeline.report("two");
    expect(heard).toHaveLength(1);
  });
});

test("an error that nobody listens for, and no logger takes, is a warning of Node's: never silence", async () => {
  const warned = once(process, "warning");
  const orchestrator = new Orchestrator({ journal: createMemoryJournal() });
  orchestrator.addInput({
    name: "unheard",
    handle: () => Promise.reject(new PermanentError("the password is wrong")),
  });
  await orchestrator.start();
  expect(await warned).toMatchObject([
    { name: "SluiceWarning", code: "INPUT_FAILED", message: /"unheard" failed .*the password is wrong/ },
  ]);
  await orchestrator.stop();
});

test("a logger that throws disturbs nothing", async () => {
  const logger = {
    ...silentLogger,
    error: () => {
      throw new Error("the disk is full");
    },
  };
  await using pipeline = createTestPipeline({ logger });
  const { input, lives } = createHandledInput("failing");
  pipeline.orchestrator.addInput(input);
  await pipeline.orchestrator.start();
  await pipeline.turn();
  lives[0]?.fail(new PermanentError("no"));
  await pipeline.turn();
  expect(pipeline.errors).toMatchObject([{ code: "INPUT_FAILED" }]);
});

describe("diagnostics", () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  function listen(channel: string): Record<string, unknown>[] {
    const messages: Record<string, unknown>[] = [];
    const listener = (message: unknown): void => void messages.push(message as Record<string, unknown>);
    subscribe(channel, listener);
    ends.push(() => void unsubscribe(channel, listener));
    return messages;
  }

  test("tell what becomes of an event: accepted, begun, failed, begun again, ended", async () => {
    const accepted = listen("sluice.event.accepted");
    const started = listen("sluice.attempt.started");
    const ended = listen("sluice.attempt.ended");
    const progress = listen("sluice.attempt.progress");
    await using pipeline = createTestPipeline({ name: "orders" });
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run(_, { attempt, progress: say }) {
          say(attempt, 2, "half");
          pipeline.clock.step(250);
          if (attempt === 1) throw new Error("no");
        },
      },
      { retry: { initial: 0 } },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit({ id: "7" });
    await pipeline.orchestrator.emit("source", { uid });
    await pipeline.turn();
    await pipeline.orchestrator.settled(uid);
    await pipeline.turn();
    const whose = { pipeline: "orders", process: "work", run: `${uid}/work` };
    expect(accepted).toMatchObject([
      { pipeline: "orders", event: { uid, id: "7" }, duplicate: false, processes: ["work"] },
      { pipeline: "orders", event: { uid }, duplicate: true, processes: ["work"] },
    ]);
    expect(started).toMatchObject([
      { ...whose, attempt: 1, event: { id: "7" } },
      { ...whose, attempt: 2 },
    ]);
    expect(ended).toMatchObject([
      { ...whose, attempt: 1, outcome: "failed", final: false, duration: 250, error: { code: "RUN_FAILED" } },
      { ...whose, attempt: 2, outcome: "succeeded", final: true, duration: 250, error: null },
    ]);
    expect(progress).toMatchObject([
      { ...whose, done: 1, total: 2, text: "half" },
      { ...whose, done: 2, total: 2, text: "half" },
    ]);
  });

  test.each([
    ["dead", { outcome: "failed", final: true }],
    ["cancelled", { outcome: "cancelled", final: true }],
    ["abandoned", { outcome: "abandoned", final: true }],
    ["released", { outcome: "released", final: false }],
    ["postponed", { outcome: "postponed", final: false, attempt: 1 }],
  ] as const)("say how an attempt ended that is %s", async (kind, expected) => {
    const ended = listen("sluice.attempt.ended");
    await using pipeline = createTestPipeline({ grace: "1s" });
    pipeline.orchestrator.addProcess(
      {
        name: "work",
        run(_, { signal }) {
          if (kind === "postponed") throw new Postponed("not now", { delay: 60_000 });
          if (kind === "dead") throw new PermanentError("no");
          if (kind === "abandoned") return new Promise(() => undefined);
          return new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason), { once: true });
          });
        },
      },
      { retry: { attempts: 1 }, timeout: kind === "abandoned" ? "1s" : "1h" },
    );
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    const uid = await pipeline.emit();
    await pipeline.turn();
    if (kind === "cancelled") await pipeline.orchestrator.cancel([`${uid}/work`]);
    if (kind === "abandoned") await pipeline.clock.advance(2_000);
    if (kind === "released") await pipeline.stop();
    await pipeline.turn();
    expect(ended).toMatchObject([expected]);
  });

  test("tell the states of the pipeline and its inputs, and its errors", async () => {
    const pipelineStates = listen("sluice.pipeline.changed");
    const inputStates = listen("sluice.input.changed");
    const errors = listen("sluice.error");
    await using pipeline = createFailing();
    await pipeline.orchestrator.start();
    await pipeline.turn();
    await pipeline.report("broken");
    await pipeline.stop();
    expect(pipelineStates.map(({ state }) => state)).toEqual(["starting", "running", "stopping", "stopped"]);
    expect(inputStates.filter(({ input }) => input === "failing").map(({ state }) => state)).toEqual([
      "standby",
      "running",
      "backing off",
      "standby",
      "running",
      "stopped",
    ]);
    expect(inputStates.find(({ state }) => state === "backing off")).toMatchObject({
      error: { message: "broken" },
    });
    expect(errors).toMatchObject([{ pipeline: "pipeline", error: { code: "INPUT_FAILED" } }]);
  });

  test.each([false, true])("build what they say only if somebody listens (%j)", async (listens) => {
    if (listens) listen("sluice.attempt.started");
    let looks = 0;
    const journal = withWork(createMemoryJournal(), (work) => ({
      async take(...asked) {
        const claims = await work.take(...asked);
        // Whoever makes a run's id looks at this.
        for (const claim of claims) {
          Object.defineProperty(claim, "replayOf", { get: () => ((looks += 1), null) });
        }
        return claims;
      },
    }));
    await using pipeline = createTestPipeline({ journal });
    pipeline.orchestrator.addProcess({ name: "work", run: () => undefined });
    pipeline.orchestrator.addLink("source", "work");
    await pipeline.orchestrator.start();
    await pipeline.emit();
    await pipeline.turn();
    await pipeline.orchestrator.idle();
    expect(looks > 0).toBe(listens);
  });
});
