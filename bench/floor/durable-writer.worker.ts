import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

export interface Batch {
  /** number, trigger, location, operation, id, time, data */
  readonly events: [number, string, string, number, string, number, string][];
  /** number, event, process, due */
  readonly runs: [number, number, number, number][];
  readonly settled: readonly number[];
  readonly now: number;
}

const database = new DatabaseSync(workerData as string);
database.exec(`
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma cache_size = -65536;
  pragma temp_store = memory;
  create table event (
    number integer primary key, trigger text, location text, operation integer, id text, time integer, data text
  ) strict;
  create table run (
    number integer primary key, event integer, process integer, state integer, attempt integer, due integer,
    finished integer, error text
  ) strict;
  create index run_open on run (process, due, number) where state < 2;
  create index run_event on run (event);
`);
const insertEvent = database.prepare("insert into event values (?, ?, ?, ?, ?, ?, ?)");
const insertRun = database.prepare(
  "insert into run (number, event, process, state, attempt, due) values (?, ?, ?, 0, 0, ?)",
);
const settleRun = database.prepare("update run set state = 2, attempt = 1, finished = ? where number = ?");

parentPort?.on("message", (message: Batch | "close") => {
  if (message === "close") {
    database.close();
    parentPort?.close();
    return;
  }
  database.exec("begin");
  for (const row of message.events) insertEvent.run(...row);
  for (const row of message.runs) insertRun.run(...row);
  for (const number of message.settled) settleRun.run(message.now, number);
  database.exec("commit");
  parentPort?.postMessage(0);
});
