import { afterEach, describe, expect, test } from "vitest";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Orchestrator } from "../engine/orchestrator.ts";
import { journalFrom } from "../journal/open.ts";
import type { Event } from "../model/event.ts";
import type { EngineView, ViewedProcess } from "../model/engine-view.ts";
import { SluiceError } from "../model/errors.ts";
import { createFakeClock } from "../testing/clock.ts";
import { createInputContext } from "../testing/context.ts";
import { inputConformance, type InputSubject } from "../testing/inputs/conformance.ts";
import { engineInput, type EngineEventData, type EngineInputOptions } from "./engine.ts";

type Alert = Event<EngineEventData>;

/** A pipeline that is only looked at. */
class Viewed implements EngineView {
  processRows: readonly ViewedProcess[] = [];
  isHealthy = true;
  inputs = (): [] => [];
  processes = async (): Promise<readonly ViewedProcess[]> => this.processRows;
  deadLetters = async (): Promise<[]> => [];
  graph = (): ReturnType<EngineView["graph"]> => ({ nodes: [], edges: [] });
  health = (): ReturnType<EngineView["health"]> =>
    this.isHealthy ? { ok: true } : { ok: false, error: new SluiceError("JOURNAL_IO", "no space left") };

  pause(name: string, isPaused = true): void {
    this.processRows = [{ name, state: isPaused ? "paused" : "running", lastError: null, runs: {} }];
  }
}

function create(): InputSubject {
  const clock = createFakeClock();
  const engine = new Viewed();
  const input = engineInput({ name: "engine" });
  let times = 0;
  const tell = async (): Promise<void> => {
    engine.pause(`land${(times += 1)}`);
    await clock.advance(10_000);
  };
  return { input, context: { clock, engine }, tell };
}

test.each(inputConformance({ create }))("$name", ({ run }) => run());

/** A pipeline of `orders` → `land`, watched by `engine` → `alert`. */
class Watched {
  readonly alerts: Alert[] = [];
  readonly orchestrator: Orchestrator;
  readonly clock = createFakeClock();
  alertFails = false;

  constructor(options: EngineInputOptions = {}, journal = "memory:") {
    this.orchestrator = new Orchestrator({ name: "shop", journal: journalFrom(journal), clock: this.clock });
    this.orchestrator.addInput({
      name: "orders",
      handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    this.orchestrator.addProcess<{ fail?: string }, unknown>(
      {
        name: "land",
        run({ data }) {
          if (data?.fail !== undefined) throw new Error(data.fail);
        },
      },
      { retry: { attempts: 1 } },
    );
    this.orchestrator.addLink("orders", "land");
    const watch = this.orchestrator.addInput(engineInput({ name: "engine", ...options }));
    const alert = this.orchestrator.addProcess<EngineEventData, unknown>(
      {
        name: "alert",
        run: (event) => {
          if (this.alertFails) throw new Error("the receiver is away");
          this.alerts.push(event);
        },
      },
      { retry: { attempts: 1 } },
    );
    this.orchestrator.addLink(watch, alert);
  }

  async emit(data: object): Promise<void> {
    const { uid } = await this.orchestrator.emit("orders", { data });
    await this.orchestrator.settled(uid);
  }

  /** Lets one look happen, and all that comes of it. */
  async look(): Promise<readonly string[]> {
    const before = this.alerts.length;
    await this.clock.advance(10_000);
    // The look reads the journal, off the clock: the state that it leaves behind comes with what it tells.
    for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    await this.orchestrator.idle();
    return this.alerts.slice(before).map(({ data }) => data.text);
  }
}

let watched: Watched | undefined;
afterEach(() => watched?.orchestrator.stop({ grace: 0 }));

async function start(options: EngineInputOptions = {}): Promise<Watched> {
  watched = new Watched(options);
  await watched.orchestrator.start();
  await watched.look();
  return watched;
}

describe("in a pipeline", () => {
  test("ten thousand deaths at once are one alert for each error", async () => {
    const pipeline = await start();
    const all = Array.from({ length: 1_000 }, (_, n) => pipeline.emit({ fail: `order ${n} is unknown` }));
    await Promise.all([...all, pipeline.emit({ fail: "no connection" })]);
    expect((await pipeline.look()).toSorted()).toEqual([
      expect.stringMatching(/^shop: 1000 runs of "land" died: order \d+ is unknown$/),
      'shop: a run of "land" died: no connection',
    ]);
    expect(await pipeline.look()).toEqual([]);
  });

  test("an alert that dies makes no alert of itself", async () => {
    const pipeline = await start();
    pipeline.alertFails = true;
    await pipeline.emit({ fail: "no" });
    await pipeline.look();
    pipeline.alertFails = false;
    expect(await pipeline.look()).toEqual([]);
    expect(await pipeline.look()).toEqual([]);
    const dead = await pipeline.orchestrator.history.runs({ state: "dead", process: "alert" });
    expect(dead.items).toHaveLength(1);
  });

  test("two such inputs do not tell of each other's alerts, nor of what their alerts cause through a table", async () => {
    const pipeline = await start();
    const { orchestrator } = pipeline;
    const second = orchestrator.addInput(engineInput({ name: "second", processes: ["alert", "land"] }));
    const dies = (): never => {
      throw new Error("no");
    };
    const note = orchestrator.addProcess<EngineEventData, unknown>(
      { name: "note", writes: ["ops.alerts"], run: dies },
      { retry: { attempts: 1 } },
    );
    orchestrator.addLink(second, note);
    orchestrator.addInput({ name: "alerts", reads: ["ops.alerts"], handle: async () => undefined });
    orchestrator.addProcess({ name: "escalate", run: dies }, { retry: { attempts: 1 } });
    orchestrator.addLink("alerts", "escalate");
    await orchestrator.emit("alerts", {});
    await pipeline.emit({ fail: "no" });
    expect(await pipeline.look()).toEqual(['shop: a run of "land" died: no']);
    expect(await pipeline.look()).toEqual([]);
    expect((await orchestrator.history.deadLetters()).map(({ process }) => process).toSorted()).toEqual([
      "escalate",
      "land",
      "note",
    ]);
  });

  test("a paused process is told of, and its backlog", async () => {
    const pipeline = await start({ backlog: 2 });
    await pipeline.orchestrator.pause("land");
    for (let n = 0; n < 3; n += 1) await pipeline.orchestrator.emit("orders", {});
    await pipeline.clock.advance(10_000);
    await expect
      .poll(() => pipeline.alerts.map(({ data }) => data.kind).toSorted())
      .toEqual(["backlog", "process_paused"]);
    await pipeline.orchestrator.resume("land");
    await pipeline.orchestrator.idle();
    await pipeline.look();
    expect(
      pipeline.alerts
        .map(({ data }) => data.kind)
        .slice(2)
        .toSorted(),
    ).toEqual(["backlog_cleared", "process_resumed"]);
    expect(pipeline.alerts.at(-1)).toMatchObject({ operation: "delete", trigger: "engine" });
  });

  test("an input that has failed is told of, and when it listens again", async () => {
    const pipeline = await start();
    let isWell = false;
    pipeline.orchestrator.addInput({
      name: "topic",
      async handle({ signal }) {
        if (!isWell) throw new SluiceError("NETWORK", "no broker");
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    });
    // It is started anew again and again until it has failed too often.
    for (let n = 0; n < 40 && pipeline.alerts.length === 0; n += 1) await pipeline.look();
    expect(pipeline.alerts.map(({ data }) => data.text)).toEqual([
      'shop: input "topic" has failed: no broker',
    ]);
    isWell = true;
    await pipeline.orchestrator.restart("topic");
    expect(await pipeline.look()).toEqual(['shop: input "topic" listens again']);
  });

  test("only what is asked for is told", async () => {
    const pipeline = await start({ events: ["process_paused"], processes: ["land"] });
    await pipeline.emit({ fail: "no" });
    expect(await pipeline.look()).toEqual([]);
    await pipeline.orchestrator.pause("land");
    expect(await pipeline.look()).toEqual(['shop: process "land" is paused']);
  });
});

test("a run that died just before the end is told of after the next start, once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-engine-"));
  const journal = `sqlite:${join(folder, "journal.db")}`;
  try {
    const first = new Watched({}, journal);
    await first.orchestrator.start();
    await first.look();
    await first.emit({ fail: "no" });
    await first.orchestrator.stop({ grace: 0 });
    expect(first.alerts).toEqual([]);

    watched = new Watched({}, journal);
    await watched.orchestrator.start();
    await expect
      .poll(() => watched?.alerts.map(({ data }) => data.text))
      .toEqual(['shop: a run of "land" died: no']);
    await watched.orchestrator.stop({ grace: 0 });

    watched = new Watched({}, journal);
    await watched.orchestrator.start();
    expect(await watched.look()).toEqual([]);
  } finally {
    await watched?.orchestrator.stop({ grace: 0 });
    await rm(folder, { recursive: true });
  }
});

test("what the journal cannot take is told once it can, with the trouble itself", async () => {
  const clock = createFakeClock();
  const engine = new Viewed();
  let isFull = false;
  const beforeEmit = (): void => {
    if (isFull) throw new SluiceError("JOURNAL_FULL", "no space left");
  };
  const context = createInputContext({ clock, engine, beforeEmit });
  const input = engineInput({ name: "engine" });
  const ended = input.handle(context);
  await clock.advance(10_000);
  isFull = true;
  engine.pause("land");
  const [failed] = await Promise.all([ended.catch((error: unknown) => error), clock.advance(10_000)]);
  expect(failed).toMatchObject({ code: "JOURNAL_FULL" });
  engine.isHealthy = false;
  isFull = false;
  const again = input.handle(context);
  await clock.advance(10_000);
  engine.isHealthy = true;
  await clock.advance(10_000);
  await expect
    .poll(() => context.emitted.map(({ location }) => location).toSorted())
    .toEqual(["journal_failed", "journal_recovered", "process_paused"]);
  context.stop();
  await again;
});

test.each([
  [{ every: "10ms" }, /must be 1s at least/],
  [{ events: ["ded"] }, /events/],
  [{ backlog: 0 }, /backlog/],
])("refuses %o", (options, message) => {
  expect(() => engineInput({ name: "engine", ...(options as object) })).toThrow(message);
});
