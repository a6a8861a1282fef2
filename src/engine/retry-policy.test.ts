import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PermanentError, RetryAfter } from "../model/errors.ts";
import { backOff, nextDelay, resolveRetryPolicy } from "./retry-policy.ts";

const settings = fc.record({
  attempts: fc.integer({ min: 1, max: 2_000 }),
  initial: fc.integer({ min: 0, max: 10_000 }),
  max: fc.integer({ min: 0, max: 1_000_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
});
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("full jitter", () => {
  test("each delay lies between nothing and the exponential bound, itself never past the longest delay", () => {
    fc.assert(
      fc.property(settings, fc.integer({ min: 1, max: 2_000 }), fraction, (given, attempt, random) => {
        const policy = resolveRetryPolicy(given);
        const delay = nextDelay(policy, attempt, new Error("no"), () => random);
        if (attempt >= policy.attempts) return delay === undefined;
        const exact = policy.initial === 0 ? 0 : policy.initial * policy.factor ** (attempt - 1);
        const bound = Math.min(policy.max, exact);
        return delay !== undefined && Number.isFinite(delay) && delay >= 0 && delay <= bound;
      }),
    );
  });

  test("the whole range is used: the lowest draw waits not at all, the highest nearly the whole bound", () => {
    const policy = resolveRetryPolicy({ initial: 1_000, max: "1h", factor: 2 });
    expect(nextDelay(policy, 4, new Error("no"), () => 0)).toBe(0);
    expect(nextDelay(policy, 4, new Error("no"), () => 1 - 2 ** -32)).toBe(7_999);
  });

  test("ten thousand failures at once spread over the whole bound: no tenth of it gets more than three shares", () => {
    const policy = resolveRetryPolicy({ initial: 10_000 });
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i += 1) {
      const delay = nextDelay(policy, 1, new Error("no"), Math.random) as number;
      tenths[Math.floor(delay / 1_000)] = (tenths[Math.floor(delay / 1_000)] as number) + 1;
    }
    expect(Math.max(...tenths)).toBeLessThan(3_000);
    expect(Math.min(...tenths)).toBeGreaterThan(0);
  });

  test("the bound never shrinks from one failure to the next", () => {
    fc.assert(
      fc.property(settings, fc.integer({ min: 1, max: 2_000 }), (given, failures) => {
        const policy = resolveRetryPolicy(given);
        return backOff(policy, failures + 1) >= backOff(policy, failures);
      }),
    );
  });
});

describe("what an error says about the next attempt", () => {
  const policy = resolveRetryPolicy({ attempts: 3, initial: 1_000 });

  test("a permanent one ends it at once", () => {
    expect(nextDelay(policy, 1, new PermanentError("never"), () => 0.5)).toBeUndefined();
  });

  test("one that names a delay gets just that, without jitter", () => {
    expect(nextDelay(policy, 1, new RetryAfter("later", { delay: 12_345 }), Math.random)).toBe(12_345);
  });

  test("a delay longer than a day becomes a day, one in the past becomes now", () => {
    expect(nextDelay(policy, 1, new RetryAfter("later", { delay: Infinity }), Math.random)).toBe(86_400_000);
    expect(nextDelay(policy, 1, new RetryAfter("later", { delay: -5 }), Math.random)).toBe(0);
  });

  test("a delay that is no number is answered with the back-off's own", () => {
    expect(nextDelay(policy, 1, new RetryAfter("later", { delay: Number.NaN }), () => 0.5)).toBe(500);
  });

  test("no delay brings an attempt beyond the last", () => {
    expect(nextDelay(policy, 3, new RetryAfter("later", { delay: 1 }), Math.random)).toBeUndefined();
  });
});

describe("settings", () => {
  test("the defaults are five attempts, from a second to five minutes, doubling", () => {
    expect(resolveRetryPolicy()).toEqual({ attempts: 5, initial: 1_000, max: 300_000, factor: 2 });
  });

  test("a longest delay below the first is raised to it", () => {
    expect(resolveRetryPolicy({ initial: "10s", max: "1s" }).max).toBe(10_000);
  });

  test.each([
    { attempts: 0 },
    { attempts: 1.5 },
    { attempts: Number.NaN },
    { factor: 0.5 },
    { factor: Infinity },
  ])("%j is refused", (given) => {
    expect(() => resolveRetryPolicy(given)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });

  test("a delay that is no duration is refused", () => {
    expect(() => resolveRetryPolicy({ initial: "soon" })).toThrow(
      expect.objectContaining({ code: "INVALID_DURATION" }),
    );
  });
});
