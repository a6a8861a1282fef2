import type { Append, Commit, LogLine, Settle, StatePut } from "../../work.ts";
import {
  FLAG_CAUSE,
  FLAG_DATA,
  FLAG_DEDUPE,
  FLAG_HEADERS,
  FLAG_ID,
  FLAG_KEY,
  OPERATION_CODES,
  SEED_DEAD,
  SEED_ORDERED,
  SEED_PLAIN,
  SETTLE_ABANDONED,
  SETTLE_BLOCKS,
  SETTLE_CANCELLED,
  SETTLE_DEAD,
  SETTLE_POSTPONED,
  SETTLE_RELEASED,
  SETTLE_RETRY,
  SETTLE_SUCCEEDED,
  SETTLE_WAS_POSTPONED,
  STREAM_CODES,
  type Batch,
  type ControlMessage,
} from "../layout.ts";
import { toStoredText } from "../stored-text.ts";
import { HeldClaim } from "./held-claim.ts";

const OPERATIONS: Readonly<Record<string, number>> = Object.fromEntries(
  OPERATION_CODES.map((name, code) => [name, code]),
);
const STREAMS: Readonly<Record<string, number>> = Object.fromEntries(
  STREAM_CODES.map((name, code) => [name, code]),
);

/** What encoding needs of the client. */
export interface EncoderContext {
  nameId(name: string): number;
  nextSeq(): number;
  /** Claims with this fence or a lower one are those of owners of before. */
  readonly foreignFence: number;
}

const NONE: readonly never[] = [];

/** Appends one commit to a batch. The layout is that of `layout.ts`. */
export function encodeCommit(
  batch: Batch,
  commit: Commit,
  controls: readonly ControlMessage[],
  context: EncoderContext,
): void {
  const { append = NONE, settle = NONE, state = NONE, logs = NONE } = commit;
  batch.push(append.length, settle.length, state.length, controls.length, logs.length);
  for (let i = 0; i < state.length; i += 1) encodePut(batch, state[i] as StatePut);
  for (let i = 0; i < append.length; i += 1) encodeAppend(batch, append[i] as Append, context);
  for (let i = 0; i < logs.length; i += 1) encodeLog(batch, logs[i] as LogLine);
  for (let i = 0; i < settle.length; i += 1) encodeSettle(batch, settle[i] as Settle, context);
  for (let i = 0; i < controls.length; i += 1) batch.push(controls[i] as ControlMessage);
}

function encodeAppend(batch: Batch, append: Append, context: EncoderContext): void {
  const { event, runs } = append;
  // The event's row, which outlives what deliveries are remembered by, knows its uid.
  const dedupe = append.dedupe === event.uid ? undefined : append.dedupe;
  const { uid, id, key, data, headers, cause } = event;
  let flags = OPERATIONS[event.operation] as number;
  if (id !== uid) flags |= FLAG_ID;
  if (key !== null) flags |= FLAG_KEY;
  if (data !== null) flags |= FLAG_DATA;
  if (headers !== null) flags |= FLAG_HEADERS;
  if (cause !== null) flags |= FLAG_CAUSE;
  if (dedupe !== undefined) flags |= FLAG_DEDUPE;
  batch.push(context.nextSeq(), uid, context.nameId(event.trigger), flags, toStoredText(event.location));
  if (id !== uid) batch.push(toStoredText(id));
  if (key !== null) batch.push(toStoredText(key));
  batch.push(event.time);
  if (data !== null) batch.push(data);
  if (headers !== null) batch.push(headers);
  if (cause !== null) batch.push(JSON.stringify(cause));
  if (dedupe !== undefined) batch.push(toStoredText(dedupe));
  batch.push(runs.length);
  for (let i = 0; i < runs.length; i += 1) {
    const { process, key: line, dead } = runs[i] as Append["runs"][number];
    const id = context.nameId(process) * 4;
    if (dead !== undefined) batch.push(id + SEED_DEAD, dead.code, dead.message);
    else if (line !== undefined) batch.push(id + SEED_ORDERED, toStoredText(line));
    else batch.push(id + SEED_PLAIN);
  }
}

function encodeSettle(batch: Batch, settle: Settle, context: EncoderContext): void {
  const { claim, outcome, startedAt, finishedAt, version } = settle;
  // The writer does not know what was taken, so it cannot tell an owner's claim from one of before.
  const run = claim.fence > context.foreignFence ? HeldClaim.runOf(claim) : undefined;
  const key = run === undefined ? -1 : run.key;
  const { type } = outcome;
  let code = SETTLE_SUCCEEDED;
  if (type === "retry") code = SETTLE_RETRY;
  else if (type === "dead") code = outcome.block === true ? SETTLE_DEAD | SETTLE_BLOCKS : SETTLE_DEAD;
  else if (type === "cancelled") code = SETTLE_CANCELLED;
  else if (type === "released") code = SETTLE_RELEASED;
  if ((type === "retry" || type === "dead") && outcome.abandoned === true) code |= SETTLE_ABANDONED;
  if (type === "retry" && outcome.postponed === true) code |= SETTLE_POSTPONED;
  if (claim.postponed > 0) code |= SETTLE_WAS_POSTPONED;
  batch.push(
    key,
    context.nameId(claim.process),
    code,
    claim.fence,
    claim.attempt,
    startedAt,
    finishedAt,
    version,
  );
  // A claim that was settled before says nothing of its line: another may hold the run by now.
  batch.push(run !== undefined && HeldClaim.isHeld(claim) ? run.line : null);
  if (type === "succeeded") {
    const emitted = settle.emitted ?? NONE;
    batch.push(emitted.length);
    for (let i = 0; i < emitted.length; i += 1) encodeAppend(batch, emitted[i] as Append, context);
    return;
  }
  if (type === "released") return;
  // A retry is never due at 0, which stands for no retry.
  if (type === "retry")
    batch.push(Math.max(1, Math.ceil(outcome.dueAt)), Math.max(0, Math.ceil(outcome.delay)));
  batch.push(outcome.error.code, outcome.error.message);
}

function encodePut(batch: Batch, { owner, key, value, ifVersion }: StatePut): void {
  batch.push(owner, key, value, ifVersion ?? -1);
}

function encodeLog(batch: Batch, { claim, time, stream, text }: LogLine): void {
  batch.push(HeldClaim.runOf(claim)?.key ?? -1, claim.attempt, time, STREAMS[stream] as number, text);
}
