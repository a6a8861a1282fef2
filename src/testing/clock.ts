import type { Clock } from "../model/clock.ts";

/** A clock that stands still until it is told to move. */
export interface FakeClock extends Clock {
  /**
   * Moves both times on, firing each timer that comes due at its own moment. What a timer sets in motion
   * (promises, immediates) gets its turn before time goes on. Resolves when time has arrived.
   */
  advance(milliseconds: number): Promise<void>;
  /** Steps the wall clock alone, as an administrator or NTP may; timers do not notice. */
  step(milliseconds: number): void;
  /** How many timers are set. */
  readonly timers: number;
}

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

/** @param start milliseconds since 1970. Defaults to 2026-01-01T00:00:00Z. */
export function createFakeClock(start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let wall = start;
  let elapsed = 0;
  const pending = new Set<Pending>();

  function earliest(until: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of pending) {
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }

  function moveTo(moment: number): void {
    const by = Math.max(0, moment - elapsed);
    elapsed += by;
    wall += by;
  }

  return {
    now: () => wall,
    monotonic: () => elapsed,
    setTimer(delay, callback) {
      const timer = { at: elapsed + Math.max(0, delay), callback };
      pending.add(timer);
      return { cancel: () => void pending.delete(timer) };
    },
    async advance(milliseconds) {
      const until = elapsed + milliseconds;
      await settle();
      for (let timer = earliest(until); timer !== undefined; timer = earliest(until)) {
        pending.delete(timer);
        moveTo(timer.at);
        timer.callback();
        await settle();
      }
      moveTo(until);
    },
    step(milliseconds) {
      wall += milliseconds;
    },
    get timers() {
      return pending.size;
    },
  };
}

/** Lets everything run that is ready to: all microtasks, and what the event loop holds already. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
