import { describe, expect, test } from "vitest";
import { isFinal, RUN_STATES, TRANSITIONS } from "../../src/model/run.ts";
import { parseAnsi } from "../../ui/src/ansi.ts";
import {
  formatAgo,
  formatCount,
  formatDuration,
  formatLag,
  formatRate,
  formatRuns,
  shorten,
  visible,
} from "../../ui/src/format.ts";
import { measure, rateOf, resetMeasures, tick } from "../../ui/src/measures.ts";
import * as states from "../../ui/src/run-states.ts";

describe("a log line", () => {
  test("keeps its colours as tones of ours, and loses what would move a cursor or set a title", () => {
    expect(parseAnsi("a\u001b[1;31mb\u001b[39mc\u001b[0md\u001b[2J\u001b]0;evil\u0007e")).toEqual([
      { text: "a", tone: "" },
      { text: "b", tone: "ansi-bold ansi-red" },
      { text: "c", tone: "ansi-bold" },
      { text: "d", tone: "" },
      { text: "e", tone: "" },
    ]);
  });

  test("never brings a class of its own, whatever its codes are", () => {
    const tones = parseAnsi("\u001b[constructor;999;38;5;200;-1mx\u001b[38;2;1;2;3my").map(
      ({ tone }) => tone,
    );
    for (const tone of tones) expect(tone).toMatch(/^(?:ansi-[a-z]+(?: ansi-[a-z]+)*)?$/);
  });

  test("shows a lone escape instead of obeying it, and takes long garbage in its stride", () => {
    expect(parseAnsi("\u001b(0")).toEqual([{ text: "␛(0", tone: "" }]);
    const garbage = "\u001b[".repeat(100_000);
    expect(
      parseAnsi(garbage)
        .map(({ text }) => text)
        .join(""),
    ).toHaveLength(200_000);
  });
});

describe("foreign text", () => {
  test("shows control characters and marks that turn the writing direction", () => {
    expect(visible("a\u0000b\u001bc\u202ed\u007f\u0085")).toBe("a␀b␛c\uFFFDd␡\uFFFD");
    expect(visible("line\n\tnext")).toBe("line\n\tnext");
  });

  test("is cut in the middle, to the length that was asked for", () => {
    expect(shorten("abcdefghij", 7)).toBe("abc…hij");
    expect(shorten("abc", 7)).toBe("abc");
  });
});

test("figures are short, and never claim more than there was", () => {
  expect([0, 999, 1_999, 12_345, 999_999, 1_990_000].map(formatCount)).toEqual([
    "0",
    "999",
    "1.9k",
    "12k",
    "999k",
    "1.9M",
  ]);
  expect([0, 0.42, 9.96, 12.4, 4_321].map(formatRate)).toEqual(["0/s", "0.4/s", "10/s", "12/s", "4.3k/s"]);
  expect([0, 0.4, 12.3, 1_340, 125_000, 3_600_000].map(formatDuration)).toEqual([
    "< 1 ms",
    "0.4 ms",
    "12 ms",
    "1.3 s",
    "2 m 5 s",
    "1 h 0 m",
  ]);
  expect([0, 1, 1_200].map(formatRuns)).toEqual(["0 runs", "1 run", "1200 runs"]);
  const now = Date.parse("2026-01-01T00:01:00Z");
  expect(formatAgo("2026-01-01T00:00:30Z", now)).toBe("30 s ago");
  expect(formatAgo("2026-01-01T00:04:00Z", now)).toBe("in 3 m");
  expect(formatAgo(null, now)).toBe("never");
});

test("what waits at a source is told by its number, else by its size, else by its age", () => {
  const now = Date.parse("2026-01-01T00:01:00Z");
  const oldest = "2026-01-01T00:00:30Z";
  expect(formatLag({ events: 1_250, bytes: 9, oldest }, now)).toBe("1.2k");
  expect([120, 3_400, 12_000_000].map((bytes) => formatLag({ events: null, bytes, oldest }, now))).toEqual([
    "120 B",
    "3.4 kB",
    "12 MB",
  ]);
  expect(formatLag({ events: null, bytes: null, oldest }, now)).toBe("30 s");
  expect(formatLag({ events: null, bytes: null, oldest: null }, now)).toBe("?");
});

describe("rates", () => {
  test("are what the stream counted in a second, and fade to nothing when nothing comes", () => {
    resetMeasures();
    const start = Date.now();
    measure({
      components: {
        source: { accepted: 40, to: { sink: 40 } },
        sink: { succeeded: 30, failed: 10, dead: 2, duration: 400 },
      },
    });
    const first = tick(start + 1_000);
    expect(rateOf(first.get("source"))).toBeCloseTo(40, 0);
    expect(rateOf(first.get("sink"))).toBeCloseTo(30, 0);
    expect(first.get("source")?.to.get("sink")).toBeCloseTo(40, 0);
    expect(first.get("sink")?.samples.at(-1)).toMatchObject({ duration: 10 });
    let last = first;
    for (let second = 2; second < 12; second++) last = tick(start + second * 1_000);
    expect(rateOf(last.get("source"))).toBe(0);
    expect(last.get("source")?.to.size).toBe(0);
  });

  test("take a cancelled attempt for one that ended: its time is among the times", () => {
    resetMeasures();
    measure({ components: { sink: { succeeded: 1, cancelled: 1, duration: 300 } } });
    expect(tick(Date.now()).get("sink")?.samples.at(-1)).toMatchObject({ duration: 150 });
  });

  test("keep two minutes of samples and no more", () => {
    resetMeasures();
    measure({ components: { source: { accepted: 1 } } });
    let last = tick(Date.now());
    for (let second = 1; second < 300; second++) last = tick(Date.now() + second * 1_000);
    expect(last.get("source")?.samples).toHaveLength(120);
  });
});

test("what can be done to a run in which state is what the model says", () => {
  expect(states.RUN_STATES).toEqual(RUN_STATES);
  expect(RUN_STATES.filter((state) => states.ACTS_ON.cancel.has(state))).toEqual(
    RUN_STATES.filter((state) => TRANSITIONS[state].includes("cancelled")),
  );
  expect(RUN_STATES.filter(states.isSettled)).toEqual(RUN_STATES.filter(isFinal));
});
