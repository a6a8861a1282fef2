import type { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../../model/errors.ts";
import { isFinalCode } from "../../run-code.ts";
import type { Hello, WriterData } from "../layout.ts";
import { SEQ_COUNTER } from "./counters.ts";
import { promoteNext } from "./lines.ts";
import type { Row, Transaction } from "./transaction.ts";

type Taken = Pick<
  Extract<Hello, { type: "hello" }>,
  "type" | "id" | "epoch" | "stoppedCleanly" | "nextSeq" | "paused"
>;

/** What a new owner writes before anything else: its epoch, and what the last one's death left undone. */
export function takeOver(database: DatabaseSync, tx: Transaction, data: WriterData): Taken {
  const meta = new Map(
    database
      .prepare("select key, value from meta")
      .all()
      .map((row) => [row["key"] as string, row["value"] as string]),
  );
  const id = meta.get("id") ?? data.newId;
  if (data.knownId !== undefined && data.knownId !== id) throw lost(data);
  const epoch = Number(meta.get("epoch") ?? 0) + 1;
  const stoppedCleanly = !meta.has("id") || meta.get("stopped") === "cleanly";
  const put = database.prepare(
    "insert into meta values (?, ?) on conflict do update set value = excluded.value",
  );
  put.run("id", id);
  put.run("epoch", String(epoch));
  put.run("stopped", "no");
  if (!stoppedCleanly) chargeMarked(database);
  releaseLines(tx);
  clampRetries(database, data.now);
  return {
    type: "hello",
    id,
    epoch,
    stoppedCleanly,
    nextSeq: tx.counters.get(SEQ_COUNTER, 0) + 1,
    paused: database
      .prepare("select name from paused")
      .all()
      .map((row) => row["name"] as string),
  };
}

/**
 * A run that was the only one starting when the host died is charged with that. Only once for each start: should the
 * host die before it starts again, that was not its doing.
 */
function chargeMarked(database: DatabaseSync): void {
  database.exec("update strikes set count = count + 1, marked = 0 where marked = 1");
}

/** Attempts that were told to end have ended with the host. */
function releaseLines(tx: Transaction): void {
  for (const [run, process, line, state] of tx.statements.lingering.all() as unknown as Row[]) {
    tx.statements.unlinger.run(run as number);
    if (line === null || process === null) continue;
    if (isFinalCode(state as number)) tx.statements.clearLine.run(run as number);
    promoteNext(tx, process as number, line as string);
  }
}

/** No retry lies further ahead than its own delay, whatever the clock did meanwhile. */
export function clampRetries(database: DatabaseSync, now: number): void {
  const processes = database
    .prepare("select distinct process from runs indexed by runs_due where state <= 1")
    .all();
  const clamp = database.prepare(
    "update runs set due = ?1 + delay where process = ?2 and state <= 1 and due > 0 and due > ?1 + delay",
  );
  for (const row of processes) clamp.run(now, row["process"] as number);
}

/** For an owner that has given out nearly all the fences of its epoch. */
export function newEpoch(database: DatabaseSync): number {
  database.exec("update meta set value = value + 1 where key = 'epoch'");
  return Number(database.prepare("select value from meta where key = 'epoch'").get()?.["value"]);
}

function lost(data: WriterData): SluiceError {
  return new SluiceError(
    "JOURNAL_DAMAGED",
    `journal ${data.path} is empty or another one, though ${data.path}-owner knows it as ${data.knownId}; restore it, or remove both files to begin anew`,
    { details: { path: data.path } },
  );
}
