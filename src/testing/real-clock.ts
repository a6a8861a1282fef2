import type { Clock } from "../model/clock.ts";

/** The system's clock, for tests of what really takes time: child processes, connections. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delay, callback) {
    const timer = setTimeout(callback, delay);
    return { cancel: () => clearTimeout(timer) };
  },
};
