import fc from "fast-check";
import { expect, test } from "vitest";
import { checkRunState, formatRunId, isFinal, parseRunId, RUN_STATES, TRANSITIONS } from "./run.ts";

const uid = "0193c0de-0000-7000-8000-000000000000";
const names = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/);

test("a run's id is its event's uid and its process, with ~n for the n-th replay", () => {
  expect(formatRunId(uid, "enrich")).toBe(`${uid}/enrich`);
  expect(formatRunId(uid, "enrich", 2)).toBe(`${uid}/enrich~2`);
});

test("a run's id reads back", () => {
  fc.assert(
    fc.property(fc.uuid(), names, fc.nat(), (event, process, replay) => {
      expect(parseRunId(formatRunId(event, process, replay))).toEqual({ event, process, replay });
    }),
  );
});

test("different runs have different ids", () => {
  const run = fc.tuple(fc.uuid(), names, fc.nat({ max: 20 }));
  fc.assert(
    fc.property(run, run, (a, b) => {
      expect(formatRunId(...a) === formatRunId(...b)).toBe(a.join() === b.join());
    }),
  );
});

test.each([
  "",
  uid,
  `${uid}/`,
  `/enrich`,
  `${uid}/enrich~0`,
  `${uid}/enrich~01`,
  `${uid}/enrich~-1`,
  `${uid}/enrich~`,
  `${uid}/a/b`,
  `${uid.toUpperCase()}/enrich`,
  `${uid} /enrich`,
  "42",
])("%j is no run's id", (id) => {
  expect(parseRunId(id)).toBeUndefined();
});

test("every state can be reached from the first ones, and only a final state can be left for good", () => {
  const reached = new Set(["queued", "waiting"]);
  for (const state of reached) {
    for (const next of TRANSITIONS[state as keyof typeof TRANSITIONS]) reached.add(next);
  }
  expect([...reached].toSorted()).toEqual([...RUN_STATES].toSorted());
  for (const state of RUN_STATES) {
    if (!isFinal(state)) expect(TRANSITIONS[state].length).toBeGreaterThan(0);
  }
});

test("nothing follows a success", () => {
  expect(TRANSITIONS.succeeded).toEqual([]);
});

test("a state that is none is refused with those that are", () => {
  expect(checkRunState("dead")).toBe("dead");
  expect(() => checkRunState("DEAD")).toThrow(/"DEAD" is not a state of a run; there are queued, waiting/);
  expect(() => checkRunState("toString")).toThrow(expect.objectContaining({ code: "INVALID_QUERY" }));
});
