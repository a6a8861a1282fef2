import { describe, expect, test } from "vitest";
import type { ViewedDeaths, ViewedInput, ViewedProcess } from "../../model/engine-view.ts";
import { look, nothingTold, type Seen, type Told } from "./look.ts";

const START = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();

function seen(more: Partial<Seen> = {}): Seen {
  return { pipeline: "shop", now: START, inputs: [], processes: [], deaths: [], trouble: undefined, ...more };
}

function deaths(more: Partial<ViewedDeaths> = {}): ViewedDeaths {
  const error = { code: "HTTP_STATUS", message: "the shop answered 503" };
  return {
    fingerprint: "f1",
    process: "land",
    error,
    count: 1,
    firstSeen: at(1),
    lastSeen: at(1),
    samples: ["u/land"],
    ...more,
  };
}

function input(more: Partial<ViewedInput> = {}): ViewedInput {
  return { name: "orders", state: "running", silent: false, lastEventAt: null, lastError: null, ...more };
}

function process(more: Partial<ViewedProcess> = {}): ViewedProcess {
  return { name: "land", state: "running", lastError: null, runs: {}, ...more };
}

/** The kinds of what each of these looks tells, one after the other. */
function tells(looks: readonly Partial<Seen>[], backlog?: number): readonly (readonly string[])[] {
  let told: Told = nothingTold(START);
  return looks.map((one) => {
    const after = look(told, seen(one), backlog);
    told = JSON.parse(JSON.stringify(after.told)) as Told;
    return after.events.map(({ data }) => data?.kind ?? "");
  });
}

describe("dead runs", () => {
  test("are told of once a group, with how many died since, and what a replay needs", () => {
    const first = look(nothingTold(START), seen({ deaths: [deaths({ count: 3 })] }), undefined);
    expect(first.events).toEqual([
      {
        location: "dead",
        operation: "create",
        id: "f1",
        data: {
          kind: "dead",
          pipeline: "shop",
          text: 'shop: 3 runs of "land" died: the shop answered 503',
          name: "land",
          error: { code: "HTTP_STATUS", message: "the shop answered 503" },
          count: 3,
          fingerprint: "f1",
          firstSeen: at(1),
          lastSeen: at(1),
          runs: ["u/land"],
        },
      },
    ]);
    const more = look(first.told, seen({ deaths: [deaths({ count: 10_003, lastSeen: at(2) })] }), undefined);
    expect(more.events.map(({ data }) => data?.count)).toEqual([10_000]);
  });

  test("are no news if they died before it first looked, nor when they are told of already", () => {
    expect(tells([{ deaths: [deaths({ lastSeen: at(-1) })] }])).toEqual([[]]);
    expect(tells([{ deaths: [deaths()] }, { deaths: [deaths()] }, { deaths: undefined }])).toEqual([
      ["dead"],
      [],
      [],
    ]);
  });

  test("that died in the same millisecond as the last one told, or after a replay of it, are", () => {
    expect(tells([{ deaths: [deaths()] }, { deaths: [deaths({ count: 2 })] }])).toEqual([["dead"], ["dead"]]);
    expect(
      tells([{ deaths: [deaths({ count: 5 })] }, { deaths: [deaths({ count: 1, lastSeen: at(9) })] }]),
    ).toEqual([["dead"], ["dead"]]);
  });

  test("of a group that was replayed and dies again later are told of anew", () => {
    expect(
      tells([{ deaths: [deaths()] }, { deaths: [] }, { deaths: [deaths({ lastSeen: at(5) })] }]),
    ).toEqual([["dead"], [], ["dead"]]);
  });

  test("of very many errors are told of by twenty, and the others together", () => {
    const groups = Array.from({ length: 100 }, (_, n) => deaths({ fingerprint: `f${n}`, count: 2 }));
    const { events } = look(nothingTold(START), seen({ deaths: groups }), undefined);
    expect(events).toHaveLength(21);
    expect(events.at(-1)?.data).toMatchObject({ count: 160, name: "land" });
    expect(events.at(-1)?.data?.text).toBe("shop: 160 runs more died, of 80 other errors");
  });

  test("keep a long message to what people read", () => {
    const error = { code: "X", message: "x".repeat(100_000) };
    const { events } = look(nothingTold(START), seen({ deaths: [deaths({ error })] }), undefined);
    expect(JSON.stringify(events).length).toBeLessThan(2_000);
  });
});

describe("an input", () => {
  const error = { code: "NETWORK", message: "no answer" };

  test("that failed is told of once, and again when it listens", () => {
    const failed = [input({ state: "failed", lastError: error })];
    expect(
      tells([
        { inputs: failed },
        { inputs: failed },
        { inputs: [input({ state: "starting" })] },
        { inputs: [input()] },
      ]),
    ).toEqual([["input_failed"], [], [], ["input_recovered"]]);
  });

  test("that fell silent recovers when it is heard, not when the pipeline starts anew", () => {
    const silent = [input({ silent: true, lastEventAt: at(-60) })];
    expect(
      tells([
        { inputs: silent },
        { inputs: silent, now: START + 5_000 },
        { inputs: [input()] },
        { inputs: [input({ lastEventAt: at(9) })] },
      ]),
    ).toEqual([["input_silent"], [], [], ["input_recovered"]]);
  });

  test("that fails while it is silent tells of both, and recovers once", () => {
    expect(
      tells([
        { inputs: [input({ silent: true })] },
        { inputs: [input({ silent: true, state: "failed", lastError: error })] },
        { inputs: [input({ lastEventAt: at(9) })] },
      ]),
    ).toEqual([["input_silent"], ["input_failed"], ["input_recovered"]]);
  });
});

describe("a process", () => {
  test("whose backlog passes its mark is told of once, and when it has fallen well below", () => {
    const waiting = (queued: number): Partial<Seen> => ({ processes: [process({ runs: { queued } })] });
    expect(tells([100, 101, 101, 95, 101, 90].map(waiting), 100)).toEqual([
      [],
      ["backlog"],
      [],
      [],
      [],
      ["backlog_cleared"],
    ]);
  });

  test("counts what waits for its key or its next attempt, and has no backlog without a mark", () => {
    const runs = { queued: 1, waiting: 1, retrying: 1, dead: 50, succeeded: 50 };
    expect(tells([{ processes: [process({ runs })] }], 2)).toEqual([["backlog"]]);
    expect(tells([{ processes: [process({ runs })] }])).toEqual([[]]);
  });

  test("that is paused is told of, and when it runs again", () => {
    const paused = [process({ state: "paused" })];
    expect(tells([{ processes: paused }, { processes: paused }, { processes: [process()] }])).toEqual([
      ["process_paused"],
      [],
      ["process_resumed"],
    ]);
  });
});

test("trouble with the journal is told of once it is over, by its begin and its end", () => {
  const trouble = { code: "JOURNAL_IO", message: "no space left" };
  expect(tells([{ trouble }, {}])).toEqual([["journal_failed", "journal_recovered"], []]);
});
