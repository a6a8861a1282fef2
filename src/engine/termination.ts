import { constants } from "node:os";

/** What can be waited for and stopped. */
interface Stoppable {
  stop(): Promise<void>;
  stopped(): Promise<void>;
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Starts it, then waits until a signal stops it, or somebody does. A signal that comes while it starts counts, too.
 * A second signal ends the process at once, with the exit code that
 * a shell gives to it.
 */
export async function untilSignalled(stoppable: Stoppable, start: () => Promise<void>): Promise<void> {
  let stopping: Promise<void> | undefined;
  const onSignal = (signal: (typeof SIGNALS)[number]): void => {
    if (stopping !== undefined) process.exit(128 + constants.signals[signal]);
    stopping = stoppable.stop();
    // Awaited below; until then a rejection has nobody else.
    stopping.catch(() => undefined);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    await start();
    await stoppable.stopped();
    await stopping;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
