import { SluiceError, type ErrorRecord } from "../../model/errors.ts";
import { isoTime, orderingKey } from "../../model/event.ts";
import type { AttemptOutcome } from "../../model/run.ts";
import {
  CANCELLED,
  DEAD,
  isFinalCode,
  QUEUED,
  RETRYING,
  RUNNING,
  RUNS_PER_EVENT,
  STATE_NAMES,
  SUCCEEDED,
  tooManyRuns,
} from "../run-code.ts";
import type {
  Append,
  AppendResult,
  Commit,
  CommitResult,
  Control,
  ControlResult,
  LogLine,
  Settle,
} from "../work.ts";
import { idOf, MemoryClaim, type MemoryRun } from "./model.ts";
import type { MemoryState } from "./state.ts";
import type { MemoryStore } from "./store.ts";

/** What a commit does besides changing the store. */
export interface ApplyEffects {
  now(): number;
  retryAt(run: MemoryRun, delay: number): void;
  cancelled(run: MemoryRun, message: string): void;
  setPaused(name: string, paused: boolean): void;
  progress(): void;
}

/** Of one run; the newest. */
const LINES_KEPT = 1_000;
const NO_APPENDS: readonly AppendResult[] = [];
const NO_SETTLES: readonly ("settled" | "stale")[] = [];
const NO_CONTROLS: readonly ControlResult[] = [];

/** Applies one commit: all of it, or nothing. */
export function applyCommit(
  store: MemoryStore,
  state: MemoryState,
  commit: Commit,
  effects: ApplyEffects,
): CommitResult {
  const { append, settle, state: puts, control, logs } = commit;
  if (puts !== undefined) state.check(puts);
  if (append !== undefined) checkSizes(append);
  if (settle !== undefined) for (const one of settle) if (one.emitted !== undefined) checkSizes(one.emitted);
  if (logs !== undefined) for (const line of logs) keepLine(line);
  const result = {
    append: append === undefined ? NO_APPENDS : append.map((one) => applyAppend(store, one)),
    settle: settle === undefined ? NO_SETTLES : settle.map((one) => applySettle(store, one, effects)),
    control: control === undefined ? NO_CONTROLS : control.map((one) => applyControl(store, one, effects)),
  };
  if (puts !== undefined) state.put(puts);
  return result;
}

function checkSizes(appends: readonly Append[]): void {
  for (const { event, runs } of appends) if (runs.length > RUNS_PER_EVENT) throw tooManyRuns(event.uid);
}

function keepLine(line: LogLine): void {
  const run = MemoryClaim.runOf(line.claim);
  if (run === undefined) return;
  run.logs ??= [];
  if (run.logs.length === LINES_KEPT) run.logs.shift();
  run.logs.push(line);
}

function applyAppend(store: MemoryStore, append: Append): AppendResult {
  const { event, dedupe, runs } = append;
  const earlier = store.earlier(event, dedupe);
  if (earlier !== undefined) return { uid: earlier, duplicate: true };
  store.append(event, dedupe, runs);
  return { uid: event.uid, duplicate: false };
}

function applySettle(store: MemoryStore, settle: Settle, effects: ApplyEffects): "settled" | "stale" {
  const run = MemoryClaim.runOf(settle.claim);
  if (run === undefined) return "stale";
  if (run.fence !== settle.claim.fence) {
    if (run.lingering === settle.claim.fence) store.letGo(run);
    return "stale";
  }
  const { outcome } = settle;
  run.startedAt = settle.startedAt;
  run.finishedAt = settle.finishedAt;
  run.version = settle.version;
  run.lastFence = run.fence;
  run.fence = 0;
  if (outcome.type === "succeeded") {
    run.attempts += 1;
    run.error = null;
    store.finish(run, SUCCEEDED, false);
    if (settle.emitted !== undefined) for (const one of settle.emitted) applyAppend(store, one);
    effects.progress();
    return "settled";
  }
  if (outcome.type === "released") {
    keepAttempt(run, settle, "released", null);
    run.startedAt = null;
    run.finishedAt = null;
    store.move(run, QUEUED);
    return "settled";
  }
  const { error } = outcome;
  const failed: AttemptOutcome =
    outcome.type === "cancelled" ? "cancelled" : outcome.abandoned === true ? "abandoned" : "failed";
  keepAttempt(run, settle, failed, error);
  run.attempts += 1;
  run.error = error;
  if (outcome.type === "retry") {
    run.dueAt = outcome.dueAt;
    store.move(run, RETRYING);
    effects.retryAt(run, outcome.delay);
    return "settled";
  }
  if (outcome.type === "dead") store.finish(run, DEAD, outcome.block === true);
  else store.finish(run, CANCELLED, false);
  effects.progress();
  return "settled";
}

function keepAttempt(
  run: MemoryRun,
  settle: Settle,
  outcome: AttemptOutcome,
  error: ErrorRecord | null,
): void {
  (run.past ??= []).push({
    attempt: settle.claim.attempt,
    fence: settle.claim.fence,
    version: settle.version,
    startedAt: isoTime(settle.startedAt),
    finishedAt: isoTime(settle.finishedAt),
    outcome,
    error,
  });
}

function applyControl(store: MemoryStore, control: Control, effects: ApplyEffects): ControlResult {
  switch (control.type) {
    case "pause":
    case "resume":
      effects.setPaused(control.name, control.type === "pause");
      return { ok: true };
    case "cancel": {
      const run = store.findRun(control.run);
      if (run === undefined) return notFound("run", control.run);
      if (isFinalCode(run.state)) return refused(run, "only an open run can be cancelled");
      end(store, run, CANCELLED, control.reason, effects);
      return { ok: true, run: control.run, runs: 1 };
    }
    case "cancelOpen": {
      const open = [...store.runs()].filter(
        (run) => run.lane.process === control.process && !isFinalCode(run.state),
      );
      // From the back, so that none is promoted just to be cancelled in its turn.
      for (const run of open.toReversed()) end(store, run, CANCELLED, control.reason, effects);
      store.lane(control.process).ready.clear();
      return { ok: true, runs: open.length };
    }
    case "setAside": {
      const run = [...store.runs()].find((one) => one.key === control.run);
      if (run === undefined) return notFound("run", String(control.run));
      if (isFinalCode(run.state)) return refused(run, "only an open run can be set aside");
      end(store, run, DEAD, control.error, effects);
      return { ok: true, run: idOf(run), runs: 1 };
    }
    case "route": {
      const event = store.events.get(control.event);
      if (event === undefined) return notFound("event", control.event);
      const there = event.runs.find((run) => run.lane.process === control.seed.process);
      if (there !== undefined)
        return refused(there, "the event has a run for this process already; replay that");
      if (event.runs.length === RUNS_PER_EVENT) throw tooManyRuns(event.record.uid);
      return { ok: true, run: idOf(store.addRun(event, control.seed)), runs: 1 };
    }
    case "replay":
      return replay(store, control);
  }
}

function replay(store: MemoryStore, control: Extract<Control, { type: "replay" }>): ControlResult {
  const run = store.findRun(control.run);
  if (run === undefined) return notFound("run", control.run);
  if (!isFinalCode(run.state)) return refused(run, "only a finished run can be replayed");
  const { event, lane } = run;
  const key = control.ordered === true ? orderingKey(event.record) : undefined;
  if (run.state !== SUCCEEDED && control.data === undefined) {
    store.reopen(run, key);
    return { ok: true, run: control.run, runs: 1 };
  }
  if (event.runs.length === RUNS_PER_EVENT) return refused(run, tooManyRuns(event.record.uid).message);
  const count = event.runs.filter((one) => one.lane === lane).length;
  const seed = key === undefined ? { process: lane.process } : { process: lane.process, key };
  const made = store.addRun(event, seed, { replay: count, of: control.run, data: control.data ?? run.data });
  return { ok: true, run: idOf(made), runs: 1 };
}

/**
 * Ends an open run from outside. An attempt that holds it is told, and the next run of its key goes on once that
 * attempt has been settled, which is answered `stale`.
 */
function end(
  store: MemoryStore,
  run: MemoryRun,
  state: number,
  error: ErrorRecord,
  effects: ApplyEffects,
): void {
  const now = effects.now();
  const isTaken = run.state === RUNNING;
  if (isTaken) {
    const startedAt = run.startedAt ?? now;
    const outcome = state === CANCELLED ? "cancelled" : "failed";
    (run.past ??= []).push({
      attempt: run.attempts + 1,
      fence: run.fence,
      version: run.version,
      startedAt: isoTime(startedAt),
      finishedAt: isoTime(now),
      outcome,
      error,
    });
    run.attempts += 1;
    run.lingering = run.fence;
    effects.cancelled(run, error.message);
  }
  run.finishedAt = now;
  run.error = error;
  store.finish(run, state, isTaken);
  effects.progress();
}

function notFound(what: string, id: string): ControlResult {
  return { ok: false, why: "not_found", message: `there is no ${what} ${id.slice(0, 400)}` };
}

function refused(run: MemoryRun, why: string): ControlResult {
  return { ok: false, why: "state", message: `run ${idOf(run)} is ${STATE_NAMES[run.state]}: ${why}` };
}

/** Kept here so that callers see one way in which a closed journal answers. */
export function closedError(): SluiceError {
  return new SluiceError("JOURNAL_CLOSED", "the journal is closed");
}
