import type { DatabaseSync } from "node:sqlite";
import { openForWriting } from "../database.ts";
import { isOfOneCommit, toPlainError, unwritable, type PlainError } from "../failure.ts";
import { passFault } from "../faults.ts";
import type { Batch, BatchReply, Hello, WriterData } from "../layout.ts";
import { watchOver } from "../presence.ts";
import { pragma } from "../schema.ts";
import { applyCommits } from "./apply.ts";
import { BatchReader } from "./batch-reader.ts";
import { BATCH_COUNTER, Counters, SEQ_COUNTER } from "./counters.ts";
import { checkOpenRuns } from "./open-runs.ts";
import { takeOver } from "./take-over.ts";
import { Pruner, type Expired } from "./prune.ts";
import { prepareStatements, type Statements } from "./statements.ts";
import { createEffects, type Effects, type Row, type Transaction } from "./transaction.ts";

/** The owner of the one connection that writes: applies batches, each in one transaction. */
export class Writer {
  readonly #data: WriterData;
  readonly counters: Counters = new Counters();
  readonly names: Map<number, string> = new Map();
  readonly ids: Map<string, number> = new Map();
  readonly strikes: Set<number> = new Set();
  #database!: DatabaseSync;
  statements!: Statements;
  #pruner!: Pruner;
  #broken = false;
  #wasReopened = false;
  #checkPresence!: () => void;

  constructor(data: WriterData) {
    this.#data = data;
  }

  get path(): string {
    return this.#data.path;
  }

  /** Opens the journal and takes it over from its last owner. */
  open(): Hello {
    this.#connect();
    checkOpenRuns(this.#database, this.counters, this.names.keys(), this.path);
    const { now } = this.#data;
    const hello = this.#inTransaction(() =>
      takeOver(this.#database, this.transaction(now, createEffects()), this.#data),
    );
    this.#load();
    const lanes = this.#database
      .prepare("select distinct process from runs indexed by runs_due where state <= 1")
      .all();
    return {
      ...hello,
      names: [...this.names],
      open: this.counters.open,
      lastBatch: this.counters.get(BATCH_COUNTER, 0),
      lanes: lanes.map((row) => [row["process"] as number, this.nextDue(row["process"] as number, 0)]),
    };
  }

  /** Applies a batch; answers what became of it. Throws nothing. */
  apply(batch: Batch): BatchReply {
    const refused = new Map<number, PlainError>();
    for (;;) {
      const reply = this.#try(batch, refused);
      if (reply !== undefined) return reply;
    }
  }

  /** One try at a batch; answers nothing if a commit that cannot be written was added to `refused`. */
  #try(batch: Batch, refused: Map<number, PlainError>): BatchReply | undefined {
    const effects = createEffects();
    const reader = new BatchReader(batch);
    const number = reader.number();
    try {
      this.#mend();
      const tx = this.transaction(reader.number(), effects);
      this.#checkPresence();
      passFault(this.#data.faults, "begin");
      this.#database.exec("begin immediate");
      this.#readNames(reader);
      applyCommits(tx, reader, this.#isFull(), refused);
      passFault(this.#data.faults, "write");
      const expired = this.#pruner.prune(tx, effects.appended);
      this.counters.set(BATCH_COUNTER, 0, number);
      if (effects.lastSeq > 0) this.counters.set(SEQ_COUNTER, 0, effects.lastSeq);
      this.counters.write(this.statements);
      passFault(this.#data.faults, "commit");
      this.#database.exec("commit");
      passFault(this.#data.faults, "committed");
      this.counters.keep();
      return this.#reply(effects, expired);
    } catch (error) {
      if (effects.commit >= 0 && isOfOneCommit(error) && !refused.has(effects.commit)) {
        refused.set(effects.commit, unwritable(error));
        this.#rollBack();
        return undefined;
      }
      if (this.#recover(error, number)) return this.#reply(effects, []);
      return {
        type: "batch",
        error: toPlainError(error, this.path),
        open: this.counters.open,
        reopenedDatabase: this.takeReopened(),
      };
    }
  }

  /** One write outside of any batch. */
  write<Value>(change: () => Value): Value {
    this.#mend();
    try {
      const value = this.#inTransaction(change);
      this.counters.keep();
      return value;
    } catch (error) {
      this.#recover(error, Number.NaN);
      throw error;
    }
  }

  /** A read by the connection that writes. */
  read<Value>(look: () => Value): Value {
    this.#mend();
    try {
      passFault(this.#data.faults, "read");
      return look();
    } catch (error) {
      this.#recover(error, Number.NaN);
      throw error;
    }
  }

  /**
   * Whether the database was opened anew since this was asked last. What windows know may be wrong then: a commit that
   * was refused may have been found in the log.
   */
  takeReopened(): boolean {
    const wasReopened = this.#wasReopened;
    this.#wasReopened = false;
    return wasReopened;
  }

  /** For reads, and inside of {@link Writer.write}. */
  transaction(now: number, effects: Effects): Transaction {
    const { statements, counters, names, ids, strikes, path } = this;
    return {
      database: this.#database,
      statements,
      counters,
      names,
      ids,
      strikes,
      path,
      now,
      effects,
      retention: this.#data.retention,
    };
  }

  nextDue(process: number, after: number): number | null {
    const row = this.statements.nextDue.get(process, after) as Row | undefined;
    return row === undefined ? null : (row[0] as number);
  }

  /**
   * Says that nothing was left undone, then closes. Who opened the journal after an unclean stop and did not start its
   * suspects (an operator's command, a start that was cut short) leaves them to the next owner.
   */
  close(cleanly: boolean): void {
    if (cleanly && !this.#broken) {
      this.#inTransaction(() => {
        this.#database.exec(
          "delete from strikes; insert into meta values ('stopped', 'cleanly') on conflict do update set value = excluded.value",
        );
      });
    }
    this.#database.close();
  }

  #connect(): void {
    this.#database = openForWriting(this.path);
    this.statements = prepareStatements(this.#database);
    this.#pruner = new Pruner(this.#database);
    this.#load();
    this.#checkPresence = watchOver(this.path);
  }

  #load(): void {
    this.counters.load(this.#database);
    this.strikes.clear();
    for (const [run] of this.statements.strikes.all() as unknown as Row[]) this.strikes.add(run as number);
    this.names.clear();
    this.ids.clear();
    for (const row of this.#database.prepare("select id, name from names").all())
      this.#addName(row["id"] as number, row["name"] as string);
  }

  #readNames(reader: BatchReader): void {
    const count = reader.number();
    for (let i = 0; i < count; i += 1) {
      const id = reader.number();
      const name = reader.text();
      if (this.names.has(id)) continue;
      this.statements.insertName.run(id, name);
      this.#addName(id, name);
    }
  }

  #addName(id: number, name: string): void {
    this.names.set(id, name);
    this.ids.set(name, id);
  }

  #isFull(): boolean {
    const { maxSize } = this.#data.retention;
    if (maxSize === Number.POSITIVE_INFINITY) return false;
    const pages = pragma(this.#database, "page_count") - pragma(this.#database, "freelist_count");
    return pages * pragma(this.#database, "page_size") >= maxSize;
  }

  #inTransaction<Value>(change: () => Value): Value {
    this.#database.exec("begin immediate");
    const value = change();
    this.counters.write(this.statements);
    this.#database.exec("commit");
    return value;
  }

  /**
   * After a failure nothing in memory is trusted. A commit that failed may have reached the disk all the same: the
   * file is closed, opened anew, its log is brought home and synced, and then it says which batch was its last.
   *
   * @returns whether the batch was kept
   */
  #recover(error: unknown, batch: number): boolean {
    const errcode = (error as { errcode?: number }).errcode;
    const passing = errcode === undefined || (errcode & 0xff) === 13;
    try {
      if (passing) {
        this.#rollBack();
        return false;
      }
      this.#broken = true;
      this.#reconnect();
      return this.counters.get(BATCH_COUNTER, 0) === batch;
    } catch {
      this.#broken = true;
      return false;
    }
  }

  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec("rollback");
    this.#load();
  }

  #mend(): void {
    if (this.#broken) this.#reconnect();
  }

  #reconnect(): void {
    if (this.#database.isOpen) {
      // Else a new, empty file would be made in the place of one that is gone.
      this.#checkPresence();
      this.#database.close();
    }
    this.#connect();
    this.#broken = false;
    this.#wasReopened = true;
  }

  #reply(effects: Effects, expired: readonly Expired[]): BatchReply {
    const { skipped, duplicates, waiting, stale, promoted, controls, reopened, ended, failed } = effects;
    return {
      type: "batch",
      open: this.counters.open,
      ...(skipped.length > 0 && { skipped }),
      ...(duplicates.length > 0 && { duplicates }),
      ...(waiting.length > 0 && { waiting }),
      ...(stale.length > 0 && { stale }),
      ...(promoted.length > 0 && { promoted }),
      ...(controls.length > 0 && { controls }),
      ...(reopened.length > 0 && { reopened }),
      ...(ended.length > 0 && { ended }),
      ...(failed.length > 0 && { failed }),
      ...(expired.length > 0 && { expired }),
      ...(this.takeReopened() && { reopenedDatabase: true }),
    };
  }
}
