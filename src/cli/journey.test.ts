import { expect, test } from "vitest";
import type { EventRow, Journey } from "../journal/history.ts";
import { formatRunId, type RunRow } from "../model/run.ts";
import { followJourney, renderJourney } from "./journey.ts";

const START = Date.UTC(2026, 10, 24, 7);

function event(uid: string, causes: readonly string[] = [], after = 0): EventRow {
  return {
    location: `raw.${uid}`,
    operation: "create",
    id: "7",
    trigger: "orders",
    uid,
    time: new Date(START + after).toISOString(),
    ...(causes.length > 0 && { cause: { runs: causes, hops: 1 } }),
  };
}

function run(of: string, process: string, change: Partial<RunRow> = {}): RunRow {
  return {
    id: formatRunId(of, process),
    event: of,
    process,
    state: "succeeded",
    attempts: 1,
    dueAt: null,
    startedAt: new Date(START).toISOString(),
    finishedAt: new Date(START + 12).toISOString(),
    error: null,
    replayOf: null,
    ...change,
  };
}

/** A house of journeys: what `GET events/{uid}` would answer. */
function house(...journeys: readonly Journey[]): (uid: string) => Promise<Journey> {
  return async (uid) => journeys.find((journey) => journey.event.uid === uid) as Journey;
}

async function rendered(first: Journey, ...others: readonly Journey[]): Promise<readonly string[]> {
  const lines = renderJourney(await followJourney(first, house(first, ...others)));
  return lines.map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/, "NOW"));
}

test("one order is followed from the first event through every stage", async () => {
  const b = event("b", ["a/land"], 34);
  const c = event("c", ["b/enrich"], 1_500);
  const first = {
    event: { ...event("a"), data: { total: 9 } },
    runs: [run("a", "audit"), run("a", "land")],
    caused: [b],
  };
  const second = { event: b, runs: [run("b", "enrich")], caused: [c] };
  const third = { event: c, runs: [run("c", "report")], caused: [] };
  expect(await rendered(first, second, third)).toEqual([
    "create raw.a/7  NOW  from orders, event a",
    '   {"total":9}',
    "├─ audit succeeded in 12 ms",
    "└─ land succeeded in 12 ms",
    "   └─ create raw.b/7  +34 ms  from orders, event b",
    "      └─ enrich succeeded in 12 ms",
    "         └─ create raw.c/7  +1.5 s  from orders, event c",
    "            └─ report succeeded in 12 ms",
  ]);
});

test("a run that failed says why, on one line and harmlessly", async () => {
  const error = { code: "RUN_FAILED", message: "no\n\u001b[2J" };
  const dead = run("a", "land", { state: "dead", attempts: 5, error });
  expect(await rendered({ event: event("a"), runs: [dead], caused: [] })).toEqual([
    "create raw.a/7  NOW  from orders, event a",
    "└─ land dead in 12 ms after 5 attempts",
    "      RUN_FAILED no\\n\\u001b[2J",
  ]);
});

test("a loop is followed once", async () => {
  const a = event("a", ["b/back"]);
  const b = event("b", ["a/there"], 1);
  const first = { event: a, runs: [run("a", "there")], caused: [b] };
  const second = { event: b, runs: [run("b", "back")], caused: [a] };
  expect((await rendered(first, second)).at(-1)).toBe("      └─ … more, or what was shown before");
});

test("an event caused by a run that is not there any more is shown all the same", async () => {
  const b = event("b", ["a/gone"], 5);
  const lines = await rendered(
    { event: event("a"), runs: [], caused: [b] },
    { event: b, runs: [], caused: [] },
  );
  expect(lines.at(-1)).toBe("└─ create raw.b/7  +5 ms  from orders, event b");
});
