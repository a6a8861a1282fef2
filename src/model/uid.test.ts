import fc from "fast-check";
import { expect, test } from "vitest";
import { createUidSource } from "./uid.ts";

/** RFC 9562, section 5.7: version 7, variant 10. */
const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 43 }),
  fc.integer({ min: 0, max: 3 }),
  fc.double({ min: 0, max: 3, noNaN: true }),
);
const times = fc.array(time, { minLength: 1, maxLength: 200 });

/** A source of randomness that gives these numbers again and again. */
function cycling(numbers: readonly number[]): () => number {
  let next = 0;
  return () => numbers[next++ % numbers.length] ?? 0;
}
const random = fc
  .array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 20 })
  .map(cycling);

test("every uid is a valid UUID, version 7", () => {
  fc.assert(
    fc.property(times, random, (clock, source) => {
      const newUid = createUidSource(source);
      for (const now of clock) expect(newUid(now)).toMatch(VERSION_7);
    }),
  );
});

test("uids only grow, even if the clock steps back", () => {
  fc.assert(
    fc.property(times, random, (clock, source) => {
      const newUid = createUidSource(source);
      let last = "";
      for (const now of clock) {
        const uid = newUid(now);
        expect(uid > last).toBe(true);
        last = uid;
      }
    }),
  );
});

test("the first uid of a millisecond carries that millisecond", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), random, (now, source) => {
      const uid = createUidSource(source)(now);
      expect(Number.parseInt(uid.slice(0, 8) + uid.slice(9, 13), 16)).toBe(now);
    }),
  );
});

test("a time with a fraction is cut to its millisecond", () => {
  const uid = createUidSource(() => 0.5)(1_000.75);
  expect(Number.parseInt(uid.slice(0, 8) + uid.slice(9, 13), 16)).toBe(1_000);
  expect(uid).toMatch(VERSION_7);
});

test("when a millisecond's counter is used up, the next millisecond is begun early", () => {
  const newUid = createUidSource(() => 0.999_999_999);
  let last = newUid(5);
  // The counter starts at most half way: 2^23 uids are left, so that one more has to move on.
  for (let count = 0; count < 2 ** 23; count++) last = newUid(5);
  const next = newUid(5);
  expect(next > last).toBe(true);
  expect(next).toMatch(VERSION_7);
  expect(newUid(6) > next).toBe(true);
});

test("two sources do not meet", () => {
  const one = createUidSource(Math.random);
  const other = createUidSource(Math.random);
  const uids = new Set<string>();
  for (let count = 0; count < 10_000; count++) uids.add(one(7)).add(other(7));
  expect(uids.size).toBe(20_000);
});
