import { attemptEnded, runDied, type AttemptEnded, type RunDied } from "../engine/diagnostics.ts";
import type { Clock, Timer } from "../model/clock.ts";
import type { Logger } from "../model/logger.ts";

/** Lines in a second; of what failed beyond that only the number is told. */
const LINES = 20;
const SECOND = 1_000;

/**
 * Tells a log of every attempt that failed, until the answered function is called: a warning while it is tried again,
 * an error once the run is dead, which it may be without an attempt. Ten thousand that fail at once are told of by a few,
 * and a count of the others.
 */
export function logFailures(pipeline: string, logger: Logger, clock: Clock): () => void {
  let lines = 0;
  let others = 0;
  let dead = 0;
  let timer: Timer | undefined;

  function closeSecond(): void {
    timer = undefined;
    if (others > 0) logger.warn({ failed: others, dead }, `${others} more failed in the last second`);
    lines = others = dead = 0;
  }

  function onEnd(message: unknown): void {
    const { pipeline: from, process, run, attempt, event, error, final, outcome } = message as AttemptEnded;
    if (from !== pipeline || (outcome !== "failed" && outcome !== "abandoned")) return;
    if (!mayTell(final)) return;
    const fields = { process, run, event: event.uid, attempt, code: error?.code };
    const said = error?.message ?? "it gave no reason";
    if (final) logger.error(fields, `a run of "${process}" is dead: ${said}`);
    else logger.warn(fields, `an attempt of "${process}" failed and is tried again: ${said}`);
  }

  /** Of a run that died without an attempt. */
  function onDied(message: unknown): void {
    const { pipeline: from, process, run, event, error } = message as RunDied;
    if (from !== pipeline || !mayTell(true)) return;
    const fields = { process, run, event: event.uid, code: error.code };
    logger.error(fields, `a run of "${process}" is dead, and had no attempt: ${error.message}`);
  }

  /** Otherwise it is counted. */
  function mayTell(isDead: boolean): boolean {
    timer ??= clock.setTimer(SECOND, closeSecond);
    if (++lines <= LINES) return true;
    others++;
    if (isDead) dead++;
    return false;
  }

  attemptEnded.subscribe(onEnd);
  runDied.subscribe(onDied);
  return () => {
    attemptEnded.unsubscribe(onEnd);
    runDied.unsubscribe(onDied);
    timer?.cancel();
    closeSecond();
  };
}
