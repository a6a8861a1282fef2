import type { ErrorRecord } from "../../../model/errors.ts";
import { formatRunId } from "../../../model/run.ts";
import {
  CANCEL_REFUSED,
  CANCELLED,
  DEAD,
  isFinalCode,
  QUEUED,
  RUNS_PER_EVENT,
  STATE_NAMES,
  SUCCEEDED,
  tooManyRuns,
  WAITING,
} from "../../run-code.ts";
import type { Control, ControlResult, RunSeed } from "../../work.ts";
import { OUTCOME_CODES, type ControlMessage } from "../layout.ts";
import { toStoredText } from "../stored-text.ts";
import { findRun, idOf, orderingKeyOf, runByKey, runsOfEvent, seqOf, type RunState } from "./find-runs.ts";
import { forget } from "./forget.ts";
import { isLineTaken, promoteNext } from "./lines.ts";
import { clearStrikes } from "./settle.ts";
import type { Row, Transaction } from "./transaction.ts";

const FAILED = OUTCOME_CODES.indexOf("failed");
const CANCELLED_ATTEMPT = OUTCOME_CODES.indexOf("cancelled");
/** Runs that are ended at a time, so that millions do not stand in memory. */
const CHUNK = 1_000;

/** Carries out what an operator asked for. */
export function applyControl(tx: Transaction, message: ControlMessage): ControlResult {
  const { control } = message;
  switch (control.type) {
    case "pause":
    case "resume":
      tx.statements[control.type].run(control.name);
      return { ok: true };
    case "cancel": {
      const run = findRun(tx, control.run);
      if (run === undefined) return notFound("run", control.run);
      if (giveUp(tx, run)) return { ok: true, run: control.run, runs: 1 };
      if (isFinalCode(run.state)) return refused(control.run, run.state, CANCEL_REFUSED);
      endRun(tx, run, CANCELLED, control.reason, message);
      return { ok: true, run: control.run, runs: 1 };
    }
    case "cancelOpen":
      return { ok: true, runs: cancelOpen(tx, control, message) };
    case "forget":
      return { ok: true, forgotten: forget(tx, control.key, control.after) };
    case "setAside": {
      const run = typeof control.run === "number" ? runByKey(tx, control.run) : undefined;
      if (run === undefined) return notFound("run", String(control.run));
      const id = idOf(tx, run);
      if (isFinalCode(run.state)) return refused(id, run.state, "only an open run can be set aside");
      endRun(tx, run, DEAD, control.error, message);
      return { ok: true, run: id, runs: 1 };
    }
    case "route":
      return route(tx, control.event, control.seed);
    case "replay":
      return replay(tx, control, message.floor);
  }
}

/** A dead run that blocks its key is given up: the key goes on. Answers whether it is such a run. */
function giveUp(tx: Transaction, run: Pick<RunState, "id" | "process" | "state" | "line">): boolean {
  const blocks =
    run.state === DEAD && run.line !== null && tx.statements.isLingering.get(run.id) === undefined;
  if (!blocks) return false;
  tx.statements.giveUp.run(CANCELLED, run.id);
  tx.counters.move(run.process, DEAD, CANCELLED);
  promoteNext(tx, run.process, run.line);
  return true;
}

/** Ends an open run from outside. Its line goes on once the attempt that may hold it has been settled. */
function endRun(
  tx: Transaction,
  run: Pick<RunState, "id" | "process" | "state" | "line">,
  state: number,
  error: ErrorRecord,
  { floor, taken }: ControlMessage,
): void {
  const claim = taken.find((one) => one.key === run.id);
  const lingers = claim !== undefined || tx.statements.isLingering.get(run.id) !== undefined;
  const keepsLine = lingers && run.line !== null;
  const { code, message } = error;
  tx.statements.end.run(
    state,
    claim === undefined ? 0 : 1,
    floor,
    claim?.startedAt ?? null,
    tx.now,
    code,
    message,
    keepsLine ? 1 : 0,
    run.id,
  );
  if (claim !== undefined) {
    const outcome = state === CANCELLED ? CANCELLED_ATTEMPT : FAILED;
    tx.statements.insertAttempt.run(
      run.id,
      claim.fence,
      claim.attempt,
      0,
      claim.startedAt,
      tx.now,
      outcome,
      code,
      message,
    );
  }
  tx.counters.move(run.process, run.state, state);
  clearStrikes(tx, run.id);
  tx.effects.ended.push(run.id);
  if (keepsLine) tx.statements.linger.run(run.id);
  else if (run.line !== null && run.state !== WAITING) promoteNext(tx, run.process, run.line);
}

/** Those that wait first, so that none is promoted just to be cancelled in its turn. */
function cancelOpen(
  tx: Transaction,
  control: Extract<Control, { type: "cancelOpen" }>,
  message: ControlMessage,
): number {
  const process = tx.ids.get(control.process);
  if (process === undefined) return 0;
  let count = 0;
  for (const statement of [tx.statements.waitingOfProcess, tx.statements.openOfProcess]) {
    for (;;) {
      const rows = statement.all(process, CHUNK) as unknown as Row[];
      for (const [id, line, state] of rows) {
        endRun(
          tx,
          { id: id as number, process, line: line as string | null, state: state as number },
          CANCELLED,
          control.reason,
          message,
        );
      }
      count += rows.length;
      if (rows.length < CHUNK) break;
    }
  }
  return count;
}

function route(tx: Transaction, uid: string, seed: RunSeed): ControlResult {
  const seq = seqOf(tx, uid);
  if (seq === undefined) return notFound("event", uid);
  const process = tx.ids.get(seed.process) as number;
  const runs = runsOfEvent(tx, seq);
  const there = runs.find((run) => run.process === process);
  if (there !== undefined) {
    return refused(
      formatRunId(uid, seed.process),
      there.state,
      "the event has a run for this process already; replay that",
    );
  }
  const id = nextRun(seq, runs);
  if (id === undefined) return { ok: false, why: "state", message: tooManyRuns(uid).message };
  if (seed.dead === undefined) {
    insertOpen(tx, {
      id,
      process,
      key: seed.key === undefined ? null : toStoredText(seed.key),
      floor: 0,
      replay: null,
      of: null,
      data: null,
    });
  } else {
    tx.statements.insertDead.run(id, process, tx.now, seed.dead.code, seed.dead.message);
    tx.counters.add(DEAD, process, 1);
  }
  return { ok: true, run: formatRunId(uid, seed.process), runs: 1 };
}

function replay(
  tx: Transaction,
  control: Extract<Control, { type: "replay" }>,
  floor: number,
): ControlResult {
  const run = findRun(tx, control.run);
  if (run === undefined) return notFound("run", control.run);
  if (!isFinalCode(run.state)) return refused(control.run, run.state, "only a finished run can be replayed");
  const seq = Math.floor(run.id / RUNS_PER_EVENT);
  const key = control.ordered === true ? orderingKeyOf(tx, seq) : null;
  if (run.state !== SUCCEEDED && control.data === undefined) {
    reopen(tx, run, key, floor);
    return { ok: true, run: control.run, runs: 1 };
  }
  const runs = runsOfEvent(tx, seq);
  const id = nextRun(seq, runs);
  const uid = control.run.slice(0, 36);
  if (id === undefined) return { ok: false, why: "state", message: tooManyRuns(uid).message };
  const count = runs.filter((one) => one.process === run.process).length;
  insertOpen(tx, {
    id,
    process: run.process,
    key,
    floor,
    replay: count,
    of: run.replay,
    data: control.data ?? run.data,
  });
  return { ok: true, run: formatRunId(uid, tx.names.get(run.process) as string, count), runs: 1 };
}

function reopen(tx: Transaction, run: RunState, key: string | null, floor: number): void {
  const keepsPlace = run.line !== null && run.line === key;
  // Its last attempt may not have ended yet: then it waits for that, in its place.
  const lingers = keepsPlace && tx.statements.isLingering.get(run.id) !== undefined;
  if (run.line !== null) tx.statements.clearLine.run(run.id);
  if (!lingers) tx.statements.unlinger.run(run.id);
  if (run.line !== null && !keepsPlace) promoteNext(tx, run.process, run.line);
  const waits = lingers || (key !== null && !keepsPlace && isLineTaken(tx, run.process, key));
  const state = waits ? WAITING : QUEUED;
  tx.statements.reopen.run(state, floor, key, run.id);
  tx.counters.move(run.process, run.state, state);
  if (!waits) tx.effects.reopened.push(run.process, run.id);
}

function insertOpen(
  tx: Transaction,
  run: {
    id: number;
    process: number;
    key: string | null;
    floor: number;
    replay: number | null;
    of: number | null;
    data: string | null;
  },
): void {
  const waits = run.key !== null && isLineTaken(tx, run.process, run.key);
  const state = waits ? WAITING : QUEUED;
  tx.statements.insertReplay.run(
    run.id,
    run.process,
    state,
    run.floor,
    run.key,
    run.replay,
    run.of,
    run.data,
  );
  tx.counters.add(state, run.process, 1);
  if (!waits) tx.effects.reopened.push(run.process, run.id);
}

function nextRun(seq: number, runs: readonly RunState[]): number | undefined {
  const last = runs.at(-1)?.id ?? seq * RUNS_PER_EVENT - 1;
  return last + 1 < (seq + 1) * RUNS_PER_EVENT ? last + 1 : undefined;
}

function notFound(what: string, id: string): ControlResult {
  return { ok: false, why: "not_found", message: `there is no ${what} ${id.slice(0, 400)}` };
}

function refused(id: string, state: number, why: string): ControlResult {
  return { ok: false, why: "state", message: `run ${id} is ${STATE_NAMES[state]}: ${why}` };
}
