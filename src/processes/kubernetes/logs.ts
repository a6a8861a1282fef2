import { sleep, type Clock } from "../../model/clock.ts";
import { ApiError } from "./api.ts";
import { LogGap, type PodLog } from "./pod-log.ts";

const DELAY = 1_000;
const LONGEST_DELAY = 5_000;
/** How often in a row a log of a container that has ended may not be readable. */
const MOST_FAILURES = 5;

export interface LogFollower {
  /** Resolves when there is no more output, or it cannot be read. */
  readonly ended: Promise<void>;
  stop(): void;
}

export interface FollowOptions {
  readonly clock: Clock;
  /** Whether the container still runs, so that more may come. */
  readonly goesOn: () => boolean;
  /** Told if it cannot be read. */
  readonly failed: (error: Error) => void;
}

/** Hands on a pod's output as it comes, from its beginning. A connection that breaks goes on after the last line that came. */
export function followLog(log: PodLog, { clock, goesOn, failed }: FollowOptions): LogFollower {
  const stopping = new AbortController();

  async function run(): Promise<void> {
    for (let failures = 0; ;) {
      try {
        await log.read(true, stopping.signal);
        failures = 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        if (isFinal(error) || !goesOn()) return failed(error as Error);
      }
      await sleep(clock, delayAfter(failures), stopping.signal);
      if (stopping.signal.aborted) return;
      if (failures === 0 && !goesOn()) return log.end();
    }
  }

  return { ended: run(), stop: () => stopping.abort() };
}

/**
 * Reads the rest of the log of a container that has ended. An answer that ends need not be whole: a node that goes away,
 * and a server that is stopped, end it just so. Therefore it is read until a reading brings nothing new.
 *
 * @throws ApiError, LogGap, or any other error if it cannot be read
 */
export async function readToEnd(log: PodLog, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let failures = 0; ;) {
    try {
      const isNew = await log.read(false, signal);
      failures = 0;
      if (!isNew && !signal.aborted) return log.end();
    } catch (error) {
      failures += 1;
      if (isFinal(error) || (failures >= MOST_FAILURES && !signal.aborted)) throw error;
      await sleep(clock, delayAfter(failures), signal);
    }
    signal.throwIfAborted();
  }
}

/** A pod that is gone, a right that is missing, and lines that are lost, are so the next time, too. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof LogGap || (error instanceof ApiError && (error.status === 404 || error.status === 403))
  );
}

function delayAfter(failures: number): number {
  return Math.min(LONGEST_DELAY, DELAY * 2 ** Math.max(0, failures - 1));
}
