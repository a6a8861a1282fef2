/** A timer that was set; `cancel` is harmless after it fired. */
export interface Timer {
  cancel(): void;
}

/** The one source of time. Injected everywhere, so that tests and simulations own it. */
export interface Clock {
  /** Milliseconds since 1970; may step. */
  now(): number;
  /** Milliseconds that only grow, from an arbitrary start. */
  monotonic(): number;
  /** Calls `callback` once, at least `delay` milliseconds from now. Does not keep the process alive. */
  setTimer(delay: number, callback: () => void): Timer;
}

/**
 * Resolves after `delay` milliseconds of `clock`, or as soon as `signal` aborts (it never rejects:
 * look at `signal.aborted`).
 */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const timer = clock.setTimer(delay, end);
    signal?.addEventListener("abort", end, { once: true });
    function end(): void {
      timer.cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    }
  });
}

/** Resolves when `signal` aborts, at once if it has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Waits for `work`, but no longer than `patience` milliseconds, and not beyond the abort of `signal`. */
export async function waitAtMost(
  clock: Clock,
  patience: number,
  work: Promise<unknown>,
  signal?: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const end = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  try {
    await Promise.race([work, sleep(clock, patience, end)]);
  } finally {
    over.abort();
  }
}
