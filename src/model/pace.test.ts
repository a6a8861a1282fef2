import { expect, test } from "vitest";
import { createFakeClock } from "../testing/clock.ts";
import { Pace } from "./pace.ts";
import { parseRate } from "./rate.ts";

const NEVER = new AbortController().signal;

/** How many went by when, in milliseconds from the beginning. */
async function run(rate: string, until: number, atMost = 1_000): Promise<number[][]> {
  const clock = createFakeClock();
  const ending = new AbortController();
  const pace = new Pace(parseRate(rate), clock);
  const went: number[][] = [];
  const began = clock.monotonic();
  const running = (async () => {
    for (;;) {
      const count = await pace.next(atMost, ending.signal);
      if (count === 0) return;
      went.push([clock.monotonic() - began, count]);
    }
  })();
  for (let at = 0; at < until; at += 10) await clock.advance(10);
  ending.abort();
  await running;
  return went;
}

test.each([
  ["100/s", 2_000, 200],
  ["1/s", 5_000, 5],
  ["10000/s", 1_000, 10_000],
  ["60/m", 10_000, 10],
])("%s in %i ms are %i, spread evenly", async (rate, until, expected) => {
  const went = await run(rate, until, 100_000);
  const sum = went.reduce((all, [, count]) => all + (count ?? 0), 0);
  expect(Math.abs(sum - expected)).toBeLessThanOrEqual(Math.max(1, expected * 0.06));
  const halves = went
    .filter(([at]) => (at ?? 0) < until / 2)
    .reduce((all, [, count]) => all + (count ?? 0), 0);
  expect(Math.abs(halves - expected / 2)).toBeLessThanOrEqual(Math.max(1, expected * 0.06));
});

test("what a pause left unused is not made up for in a burst", async () => {
  const clock = createFakeClock();
  const pace = new Pace(parseRate("100/s"), clock);
  expect(await pace.next(10, NEVER)).toBe(1);
  await clock.advance(60_000);
  expect(await pace.next(1_000, NEVER)).toBe(25);
});

test("without a rate all may go, and none once it is ended", async () => {
  const pace = new Pace(undefined, createFakeClock());
  expect(await pace.next(250, NEVER)).toBe(250);
  expect(await pace.next(250, AbortSignal.abort())).toBe(0);
});

test("who waits is let go when it is ended", async () => {
  const clock = createFakeClock();
  const ending = new AbortController();
  const pace = new Pace(parseRate("1/h"), clock);
  await pace.next(1, NEVER);
  const waiting = pace.next(1, ending.signal);
  ending.abort();
  expect(await waiting).toBe(0);
});
