import { constants } from "node:os";

/** What can be waited for and stopped. */
interface Stoppable {
  stop(): Promise<void>;
  stopped(): Promise<void>;
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Waits until a signal stops it, or somebody does. A second signal ends the process at once, with the exit code that
 * a shell gives to it.
 */
export async function untilSignalled(stoppable: Stoppable): Promise<void> {
  let signalled = false;
  let failed: { error: unknown } | undefined;
  const onSignal = (signal: (typeof SIGNALS)[number]): void => {
    if (signalled) process.exit(128 + constants.signals[signal]);
    signalled = true;
    stoppable.stop().catch((error: unknown) => (failed = { error }));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    await stoppable.stopped();
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  if (failed !== undefined) throw failed.error;
}
