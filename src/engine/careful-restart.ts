import { sleep, waitAtMost, type Clock } from "../model/clock.ts";
import { SluiceError, type ErrorRecord } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import { parseRunId } from "../model/run.ts";
import type { History } from "../journal/history.ts";
import type { Suspect, Work } from "../journal/work.ts";
import { publishDied } from "./dead-runs.ts";
import { runDied } from "./diagnostics.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { ErrorStream } from "./error-stream.ts";
import { toEventRecord } from "./event-record.ts";
import type { Lane } from "./lane.ts";

/** A run is set aside once it was running alone, or may have been, in this many deaths of the host. */
export const STRIKES = 3;

/** How long the next suspect waits for one that does not end, in milliseconds. */
const PATIENCE = 10_000;

/** How often it is looked at whether a process may start one more, in milliseconds. */
const LOOK_AGAIN = 50;

/** How long suspects beyond those that may have been running are still tried one at a time, in milliseconds. */
const DOUBT_BUDGET = 2_000;

export interface CarefulRestartOptions {
  readonly pipeline: string;
  readonly history: Pick<History, "event">;
  readonly work: Work;
  readonly dispatcher: Dispatcher;
  readonly errors: ErrorStream;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * After an unclean stop: starts the runs that may have killed the host one at a time, each marked durably before it
 * starts, so that a killer is charged with its deed and its neighbours with nothing. Then full speed.
 * Runs of processes that are paused, held or gone are left as they are.
 */
export async function restartCarefully(options: CarefulRestartOptions): Promise<void> {
  const { work, dispatcher, clock, logger, signal } = options;
  const concurrency = new Map(
    [...dispatcher.lanes()].map((lane) => [lane.name, lane.occupant.settings.concurrency]),
  );
  const suspects = await work.suspects(concurrency);
  if (suspects.length > 0) {
    logger.warn(
      { suspects: suspects.length },
      "the last stop was not clean: open runs start one at a time first",
    );
  }
  const tried = new Map<string, number>();
  const started = clock.monotonic();
  for (const suspect of suspects) {
    if (signal.aborted) return;
    const count = tried.get(suspect.process) ?? 0;
    const wasPerhapsRunning = suspect.strikes > 0 || count < (concurrency.get(suspect.process) ?? 0);
    if (!wasPerhapsRunning && clock.monotonic() - started > DOUBT_BUDGET) continue;
    tried.set(suspect.process, count + 1);
    await tryAlone(suspect, options);
  }
  await work.admit();
}

async function tryAlone(suspect: Suspect, options: CarefulRestartOptions): Promise<void> {
  const { work, dispatcher, errors, clock, signal } = options;
  const lane = dispatcher.lane(suspect.process);
  if (lane === undefined || lane.isPaused) return;
  if (suspect.strikes >= STRIKES) {
    const message = `the host died ${suspect.strikes} times while this run was starting or running; it was set aside`;
    const error = { code: "CRASHED_HOST", message };
    await work.commit({ control: [{ type: "setAside", run: suspect.run, error }] });
    errors.report(
      new SluiceError("CRASHED_HOST", `run ${suspect.id}: ${message}`, { details: { run: suspect.id } }),
    );
    await tell(suspect, error, options);
    return;
  }
  if (!(await hasRoom(lane, options))) return;
  const claim = await work.takeSuspect(suspect.run);
  if (claim === undefined) return;
  await waitAtMost(clock, PATIENCE, lane.runAlone(claim), signal);
}

/** Whoever listens is told of a run that was set aside. */
async function tell(
  { id, process }: Suspect,
  error: ErrorRecord,
  { pipeline, history }: CarefulRestartOptions,
): Promise<void> {
  if (!runDied.hasSubscribers) return;
  const event = await history.event(parseRunId(id)?.event ?? "");
  if (event !== undefined) publishDied(pipeline, process, id, toEventRecord(event), error);
}

/**
 * A process's limits hold for suspects, too: its rate, and what an earlier suspect that does not end takes of its
 * concurrency, are waited for. One that gets no room is left for later.
 */
async function hasRoom(lane: Lane, { clock, signal }: CarefulRestartOptions): Promise<boolean> {
  const until = clock.monotonic() + PATIENCE;
  while (!lane.hasRoom && !lane.occupant.isHeld && !signal.aborted && clock.monotonic() < until)
    await sleep(clock, LOOK_AGAIN, signal);
  return lane.hasRoom && !signal.aborted;
}
