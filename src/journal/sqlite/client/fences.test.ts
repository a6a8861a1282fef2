import { describe, expect, it } from "vitest";
import { FENCES_PER_EPOCH } from "../../run-code.ts";
import { Fences } from "./fences.ts";

const SMALL = { perEpoch: 100, reserve: 10 };

describe("fences", () => {
  it("only grow, and lie in their epoch", () => {
    const fences = new Fences(3, () => Promise.reject(new Error("not needed")));
    const first = fences.next();
    expect(Math.floor(first / FENCES_PER_EPOCH)).toBe(3);
    expect(fences.next()).toBe(first + 1);
    expect(fences.epoch).toBe(3);
  });

  it("go on in a new epoch before those of one are used up", async () => {
    let epoch = 3;
    const fences = new Fences(epoch, async () => (epoch += 2), SMALL);
    let last = 0;
    for (let i = 0; i < 1_000; i += 1) {
      const fence = fences.next();
      expect(fence).toBeGreaterThan(last);
      expect(Math.floor(fence / SMALL.perEpoch)).toBeLessThanOrEqual(epoch);
      last = fence;
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(fences.epoch).toBe(epoch);
    expect(epoch).toBeGreaterThan(20);
  });

  it("never leave their epoch while no new one can be had", async () => {
    const fences = new Fences(3, () => Promise.reject(new Error("no space")), SMALL);
    let given = 0;
    while (!fences.isEmpty) {
      expect(Math.floor(fences.next() / SMALL.perEpoch)).toBe(3);
      given += 1;
      await Promise.resolve();
    }
    expect(given).toBe(SMALL.perEpoch - 1);
  });
});
