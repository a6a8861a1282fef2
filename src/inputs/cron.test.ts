import { afterEach, describe, expect, test } from "vitest";
import type { StateEntry } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import { createFakeClock } from "../testing/clock.ts";
import { createInputContext, type InputContextOptions, type TestInputContext } from "../testing/context.ts";
import { cronInput, type CronInputOptions } from "./cron.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Running {
  readonly context: TestInputContext;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** One journal and one clock, over which an input may be started again and again. */
function world(options: CronInputOptions, start = "2026-01-01T00:00:30Z") {
  const clock = createFakeClock(Date.parse(start));
  const state = new Map<string, StateEntry>();
  const seen = new Map<string, string>();
  const input = cronInput({ name: "tick", ...options });
  const moments: string[] = [];
  const started: Running[] = [];

  async function run(more: InputContextOptions = {}): Promise<Running> {
    const context = createInputContext({ name: "tick", clock, state, seen, ...more });
    const ended = input.handle(context);
    ended.catch(() => undefined);
    const running = {
      context,
      ended,
      async stop() {
        context.stop();
        await ended;
        moments.push(...context.emitted.map(({ id }) => id));
      },
    };
    started.push(running);
    await clock.advance(0);
    return running;
  }
  worlds.push(async () => {
    for (const { context } of started) context.stop();
  });
  return { clock, state, run, moments, input };
}

const worlds: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of worlds.splice(0)) await stop();
});

const times = (context: TestInputContext): string[] => context.emitted.map(({ id }) => id.slice(11, 19));

describe("a cron input", () => {
  test("emits at each moment; the moment is the event's id and time", async () => {
    const { clock, run } = world({ schedule: "*/5 * * * *" });
    const { context } = await run();
    await clock.advance(11 * MINUTE);
    expect(context.emitted).toMatchObject([
      { id: "2026-01-01T00:05:00.000Z", time: "2026-01-01T00:05:00.000Z", location: "tick", trigger: "tick" },
      { id: "2026-01-01T00:10:00.000Z", time: "2026-01-01T00:10:00.000Z" },
    ]);
    expect(context.emitted[0]?.data).toBeUndefined();
  });

  test("knows seconds and time zones", async () => {
    const { clock, run } = world({ schedule: "15 0 1 * * *", timezone: "Europe/Berlin" });
    const { context } = await run();
    await clock.advance(DAY + HOUR);
    expect(context.emitted.map(({ id }) => id)).toEqual(["2026-01-02T00:00:15.000Z"]);
  });

  test("emits nothing of the time before it first ran", async () => {
    for (const catchUp of ["none", "last", "all"] as const) {
      const { clock, run } = world({ schedule: "* * * * *", catchUp });
      const { context } = await run();
      await clock.advance(29 * SECOND);
      expect(context.emitted).toEqual([]);
    }
  });

  test("ends when its signal aborts, with no timer left", async () => {
    const { clock, run } = world({ schedule: "* * * * *" });
    const running = await run();
    await running.stop();
    expect(clock.timers).toBe(0);
    await clock.advance(HOUR);
    expect(running.context.emitted).toEqual([]);
  });
});

describe("the moments that a cron input missed in 24 hours of downtime", () => {
  async function missed(options: CronInputOptions): Promise<string[]> {
    const { clock, run, moments } = world(options);
    const before = await run();
    await clock.advance(HOUR);
    await before.stop();
    const known = moments.length;
    await clock.advance(DAY);
    const after = await run();
    await clock.advance(SECOND);
    await after.stop();
    return moments.slice(known).map((moment) => moment.slice(5, 16));
  }

  test("are none of them made up for, or the last, or all, each once", async () => {
    expect(await missed({ schedule: "0 * * * *", catchUp: "none" })).toEqual([]);
    expect(await missed({ schedule: "0 * * * *", catchUp: "last" })).toEqual(["01-02T01:00"]);
    expect(await missed({ schedule: "0 * * * *" })).toEqual(["01-02T01:00"]);
    const all = await missed({ schedule: "0 * * * *", catchUp: "all" });
    expect(all).toHaveLength(24);
    expect([all[0], all.at(-1)]).toEqual(["01-01T02:00", "01-02T01:00"]);
  });

  test("are as many of the latest as allowed", async () => {
    const latest = await missed({ schedule: "* * * * *", catchUp: "all", maxCatchUp: 10 });
    expect(latest).toHaveLength(10);
    expect([latest[0], latest.at(-1)]).toEqual(["01-02T00:51", "01-02T01:00"]);
  });

  test("are not emitted twice by a further start", async () => {
    const { clock, run, moments } = world({ schedule: "0 * * * *", catchUp: "all" });
    for (let start = 0; start < 5; start++) {
      const running = await run();
      await clock.advance(90 * MINUTE);
      await running.stop();
      await clock.advance(45 * MINUTE);
    }
    expect(moments).toHaveLength(new Set(moments).size);
    expect(moments).toHaveLength(10);
  });
});

describe("a cron input whose emission fails", () => {
  test.each(["none", "last", "all"] as const)(
    "fails, and emits the moment when started again, under %s",
    async (catchUp) => {
      const { clock, run } = world({ schedule: "0 * * * *", catchUp });
      const full = new SluiceError("JOURNAL_FULL", "no space");
      const first = await run({ beforeEmit: () => Promise.reject(full) });
      await clock.advance(HOUR);
      await expect(first.ended).rejects.toBe(full);
      await clock.advance(5 * SECOND);
      const second = await run();
      await clock.advance(HOUR);
      expect(times(second.context)).toEqual(["01:00:00", "02:00:00"]);
    },
  );

  test("emits nothing twice if the commit had succeeded after all", async () => {
    const { clock, run } = world({ schedule: "0 * * * *", catchUp: "all" });
    const first = await run();
    await clock.advance(HOUR);
    await first.stop();
    // As if the cursor's write had been lost and the event's not: the delivery's identity still holds.
    first.context.entries.set("cursor", { value: "2026-01-01T00:30:00.000Z", version: 1 });
    const second = await run();
    await clock.advance(SECOND);
    expect([second.context.emissions, second.context.emitted.length]).toEqual([1, 0]);
  });

  test("waits for a slow journal, then goes on with what has come due", async () => {
    const { clock, run } = world({ schedule: "*/10 * * * * *" });
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { context } = await run({ beforeEmit: () => gate });
    await clock.advance(45 * SECOND);
    expect(context.emissions).toBe(1);
    release();
    await clock.advance(10 * SECOND);
    expect(times(context)).toEqual(["00:00:40", "00:00:50", "00:01:00", "00:01:10", "00:01:20"]);
  });
});

describe("a cron input whose clock is stepped", () => {
  async function stepped(
    by: number,
    catchUp: "none" | "last" | "all",
    clockStart?: string,
  ): Promise<string[]> {
    const { clock, run } = world({ schedule: "*/10 * * * *", catchUp }, clockStart ?? "2026-01-01T10:05:00Z");
    const { context } = await run();
    await clock.advance(10 * MINUTE);
    clock.step(by);
    await clock.advance(2 * HOUR);
    return times(context).map((time) => time.slice(0, 5));
  }

  test("back by an hour emits no moment twice, and goes on when the clock gets there", async () => {
    for (const catchUp of ["none", "last", "all"] as const) {
      expect(await stepped(-HOUR, catchUp)).toEqual([
        "10:10",
        "10:20",
        "10:30",
        "10:40",
        "10:50",
        "11:00",
        "11:10",
      ]);
    }
  });

  test("forward by an hour treats what was skipped as missed", async () => {
    const after = [
      "11:20",
      "11:30",
      "11:40",
      "11:50",
      "12:00",
      "12:10",
      "12:20",
      "12:30",
      "12:40",
      "12:50",
      "13:00",
      "13:10",
    ];
    expect(await stepped(HOUR, "none")).toEqual(["10:10", ...after]);
    expect(await stepped(HOUR, "last")).toEqual(["10:10", "11:10", ...after]);
    const all = await stepped(HOUR, "all");
    expect(all.slice(0, 7)).toEqual(["10:10", "10:20", "10:30", "10:40", "10:50", "11:00", "11:10"]);
    expect(new Set(all).size).toBe(all.length);
  });

  test("by a second either way, again and again, emits each moment once", async () => {
    const { clock, run } = world({ schedule: "* * * * *" });
    const { context } = await run();
    for (let step = 0; step < 60; step++) {
      clock.step(step % 2 === 0 ? -SECOND : SECOND);
      await clock.advance(10 * SECOND);
    }
    expect(times(context)).toHaveLength(10);
    expect(new Set(times(context)).size).toBe(10);
  });

  test("back from a year that it never was goes on at once", async () => {
    const { clock, run } = world({ schedule: "* * * * *" });
    clock.step(365 * DAY);
    const first = await run();
    await clock.advance(90 * SECOND);
    await first.stop();
    clock.step(-365 * DAY);
    const second = await run();
    await clock.advance(2 * MINUTE);
    expect(times(second.context)).toEqual(["00:03:00", "00:04:00"]);
  });

  test("to before it can have been set, waits", async () => {
    const { clock, run } = world({ schedule: "* * * * *", catchUp: "all" });
    const first = await run();
    await clock.advance(90 * SECOND);
    await first.stop();
    clock.step(Date.parse("1970-01-01T00:00:00Z") - clock.now());
    const second = await run();
    await clock.advance(HOUR);
    expect(second.context.emitted).toEqual([]);
  });
});

describe("a cron input over the edges of summer time", () => {
  async function night(day: string, schedule: string): Promise<string[]> {
    const start = new Date(Date.parse(`${day}T00:00:00Z`) - 2 * HOUR).toISOString();
    const { clock, run } = world({ schedule, timezone: "Europe/Berlin", catchUp: "all" }, start);
    const { context } = await run();
    await clock.advance(6 * HOUR);
    return context.emitted.map(({ id }) => id.slice(11, 16));
  }

  test("emits a fixed time once in either night", async () => {
    expect(await night("2026-03-29", "30 2 * * *")).toEqual(["01:00"]);
    expect(await night("2026-10-25", "30 2 * * *")).toEqual(["00:30"]);
  });

  test("emits every half hour of either night", async () => {
    expect(await night("2026-03-29", "*/30 * * * *")).toHaveLength(12);
    expect(await night("2026-10-25", "*/30 * * * *")).toHaveLength(12);
  });
});

test.each([
  { schedule: "0 0 31 2 *" },
  { schedule: "* * * *" },
  { schedule: "* * * * *", timezone: "Mars/Olympus" },
  { schedule: "* * * * *", catchUp: "some" },
  { schedule: "* * * * *", maxCatchUp: 0 },
  { schedule: 5 },
  { schedule: "* * * * *", every: "1m" },
  {},
])("the options %j are refused", (options) => {
  expect(() => cronInput({ name: "tick", ...options } as never)).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS" }),
  );
});
