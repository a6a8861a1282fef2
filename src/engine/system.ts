import { webcrypto } from "node:crypto";
import type { Clock } from "../model/clock.ts";
import type { Random } from "../model/uid.ts";

/** The longest delay that Node's timers take; a longer one fires at once. */
const LONGEST_DELAY = 2_147_483_647;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delay, callback) {
    const timer = setTimeout(callback, Math.min(delay, LONGEST_DELAY));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Randomness from the machine's cryptographic source, drawn in blocks: 32 bits a number. */
export function createSystemRandom(): Random {
  const block = new Uint32Array(1_024);
  let next = block.length;
  return () => {
    if (next === block.length) {
      webcrypto.getRandomValues(block);
      next = 0;
    }
    return (block[next++] as number) / 0x1_0000_0000;
  };
}
