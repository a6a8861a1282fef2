import fc from "fast-check";
import { expect, test } from "vitest";
import { createFakeClock } from "../testing/clock.ts";
import { RateLimit } from "./rate-limit.ts";

test("no stretch of the period ever holds more starts than the rate, whenever they are asked for", async () => {
  const steps = fc.array(
    fc.record({ wait: fc.integer({ min: 0, max: 700 }), ask: fc.integer({ min: 1, max: 5 }) }),
    {
      maxLength: 60,
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), steps, async (count, asked) => {
      const clock = createFakeClock();
      const limit = new RateLimit({ count, per: 1_000 }, clock);
      const starts: number[] = [];
      for (const { wait, ask } of asked) {
        await clock.advance(wait);
        const allowed = limit.available(ask);
        for (let i = 0; i < allowed; i += 1) {
          limit.spend();
          starts.push(clock.monotonic());
        }
      }
      return starts.every(
        (start) => starts.filter((at) => at >= start && at < start + 1_000).length <= count,
      );
    }),
    { numRuns: 30 },
  );
});

test("as many as the rate may start at once, and not one is withheld once its time has come", async () => {
  const clock = createFakeClock();
  const limit = new RateLimit({ count: 3, per: 1_000 }, clock);
  expect(limit.available(10)).toBe(3);
  for (let i = 0; i < 3; i += 1) limit.spend();
  expect(limit.available(10)).toBe(0);
  expect(limit.delay(0)).toBe(1_000);
  await clock.advance(999);
  expect(limit.available(10)).toBe(0);
  await clock.advance(1);
  expect(limit.available(10)).toBe(3);
});

test("starts that are promised already count when the next one's wait is asked for", async () => {
  const clock = createFakeClock();
  const limit = new RateLimit({ count: 2, per: 1_000 }, clock);
  limit.spend();
  await clock.advance(300);
  limit.spend();
  expect(limit.delay(0)).toBe(700);
  expect(limit.delay(1)).toBe(1_000);
  expect(limit.delay(2)).toBe(Infinity);
});

test("a wall clock that is set back holds nothing up", async () => {
  const clock = createFakeClock();
  const limit = new RateLimit({ count: 1, per: 1_000 }, clock);
  limit.spend();
  clock.step(-3_600_000);
  await clock.advance(1_000);
  expect(limit.available(1)).toBe(1);
});
