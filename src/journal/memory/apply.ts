import { forget } from "./forget.ts";
import { SluiceError, type ErrorRecord } from "../../model/errors.ts";
import { isoTime, orderingKey } from "../../model/event.ts";
import type { AttemptOutcome } from "../../model/run.ts";
import {
  CANCEL_REFUSED,
  CANCELLED,
  DEAD,
  isFinalCode,
  QUEUED,
  RETRYING,
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
  Outcome,
  Settle,
} from "../work.ts";
import { extraOf, idOf, MemoryClaim, type MemoryRun } from "./model.ts";
import type { MemoryState } from "./state.ts";
import type { MemoryStore } from "./store.ts";

/** What a commit does besides changing the store. */
export interface ApplyEffects {
  now(): number;
  retryAt(run: MemoryRun, delay: number): void;
  cancelled(claim: MemoryClaim, message: string): void;
  setPaused(name: string, paused: boolean): void;
  progress(): void;
}

/** Of one run; the newest. */
const LINES_KEPT = 1_000;

type Failure = Extract<Outcome, { readonly error: ErrorRecord }>;

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
  const { logs } = extraOf(run);
  if (logs.length === LINES_KEPT) logs.shift();
  logs.push(line);
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
  if (run.claim !== settle.claim) {
    if (run.extra?.lingering === settle.claim) store.letGo(run);
    return "stale";
  }
  run.claim = null;
  const { outcome } = settle;
  if (outcome.type === "succeeded") {
    run.last = settle;
    run.attempts += 1;
    if (run.extra !== null) run.extra.error = null;
    store.finish(run, SUCCEEDED, false);
    if (settle.emitted !== undefined) for (const one of settle.emitted) applyAppend(store, one);
    effects.progress();
    return "settled";
  }
  if (outcome.type === "released") {
    keepAttempt(run, settle, "released", null);
    store.move(run, QUEUED);
    return "settled";
  }
  applyFailure(store, run, settle, outcome, effects);
  return "settled";
}

function applyFailure(
  store: MemoryStore,
  run: MemoryRun,
  settle: Settle,
  outcome: Failure,
  effects: ApplyEffects,
): void {
  const { error } = outcome;
  const isPostponed = outcome.type === "retry" && outcome.postponed === true;
  keepAttempt(run, settle, isPostponed ? "postponed" : failureName(outcome), error);
  run.last = settle;
  const extra = extraOf(run);
  if (isPostponed) extra.postponed += 1;
  else run.attempts += 1;
  extra.error = error;
  if (outcome.type === "retry") {
    extra.dueAt = outcome.dueAt;
    store.move(run, RETRYING);
    effects.retryAt(run, outcome.delay);
    return;
  }
  if (outcome.type === "dead") store.finish(run, DEAD, outcome.block === true);
  else store.finish(run, CANCELLED, false);
  effects.progress();
}

function failureName(outcome: Failure): AttemptOutcome {
  if (outcome.type === "cancelled") return "cancelled";
  return outcome.abandoned === true ? "abandoned" : "failed";
}

function keepAttempt(
  run: MemoryRun,
  settle: Settle,
  outcome: AttemptOutcome,
  error: ErrorRecord | null,
): void {
  extraOf(run).past.push({
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
      if (store.giveUp(run)) return { ok: true, run: control.run, runs: 1 };
      if (isFinalCode(run.state)) return refused(run, CANCEL_REFUSED);
      end(store, run, CANCELLED, control.reason, effects);
      return { ok: true, run: control.run, runs: 1 };
    }
    case "cancelOpen": {
      const open = [...store.runs()].filter(
        (run) => run.lane.process === control.process && !isFinalCode(run.state),
      );
      // Newest first, so that none is promoted just to be cancelled in its turn.
      for (const run of open) end(store, run, CANCELLED, control.reason, effects);
      store.lane(control.process).ready.clear();
      return { ok: true, runs: open.length };
    }
    case "forget":
      return { ok: true, forgotten: forget(store, control.key) };
    case "setAside": {
      const run = [...store.runs()].find((one) => one.key === control.run);
      if (run === undefined) return notFound("run", String(control.run));
      if (isFinalCode(run.state)) return refused(run, "only an open run can be set aside");
      end(store, run, DEAD, control.error, effects);
      return { ok: true, run: idOf(run), runs: 1 };
    }
    case "route": {
      const event = store.event(control.event);
      if (event === undefined) return notFound("event", control.event);
      const there = event.runs.find((run) => run.lane.process === control.seed.process);
      if (there !== undefined)
        return refused(there, "the event has a run for this process already; replay that");
      if (event.runs.length === RUNS_PER_EVENT) {
        return { ok: false, why: "state", message: tooManyRuns(event.record.uid).message };
      }
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
  const made = store.addRun(event, seed, {
    replay: count,
    run,
    data: control.data ?? run.extra?.data ?? null,
  });
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
  const { claim } = run;
  const extra = extraOf(run);
  if (claim !== null) {
    extra.past.push({
      attempt: claim.attempt,
      fence: claim.fence,
      version: 0,
      startedAt: isoTime(claim.takenAt),
      finishedAt: isoTime(now),
      outcome: state === CANCELLED ? "cancelled" : "failed",
      error,
    });
    run.attempts += 1;
    extra.lingering = claim;
    effects.cancelled(claim, error.message);
  }
  extra.endedAt = now;
  extra.error = error;
  store.finish(run, state, extra.lingering !== null);
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
