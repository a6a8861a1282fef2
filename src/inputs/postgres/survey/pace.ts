import { sleep, type Clock } from "../../../model/clock.ts";
import { parseRate } from "../../../model/rate.ts";

/** Keeps a survey to so many rows in a time. */
export interface Pace {
  /** Rows to read at a time, `most` at most: with a rate some ten times a second, so that it flows; a slow one row by row. */
  size(most: number): number;
  /** Waits until as many rows were due since `began`, by the clock's monotonic time. Rejects if the signal aborts. */
  wait(rows: number, began: number): Promise<void>;
}

/** @throws SluiceError INVALID_OPTIONS for a rate that is none */
export function createPace(text: string | undefined, clock: Clock, signal: AbortSignal): Pace {
  const rate = text === undefined ? undefined : parseRate(text);
  return {
    size(most) {
      if (rate === undefined) return most;
      return Math.max(1, Math.min(most, Math.floor((rate.count * 100) / rate.per)));
    },
    async wait(rows, began) {
      if (rate === undefined) return;
      const due = (rows * rate.per) / rate.count - (clock.monotonic() - began);
      if (due > 0) await sleep(clock, due, signal);
      signal.throwIfAborted();
    },
  };
}
