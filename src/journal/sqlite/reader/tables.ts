import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { SluiceError } from "../../../model/errors.ts";
import type { EventFacts } from "../../run-filter.ts";
import { RUNS_PER_EVENT } from "../../run-code.ts";
import type { TakenRun } from "../layout.ts";
import { readUid, writeUid } from "../uid-blob.ts";
import { missingEvent, outOfOrder } from "../writer/run-rows.ts";
import { EVENT_COLUMNS, RUN_COLUMNS, toStoredRun, type Row, type StoredRun } from "./rows.ts";

const UID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What a call needs besides its arguments: the runs that are taken now, which the disk does not know. */
export type Taken = ReadonlyMap<number, TakenRun>;

/** What the parts of the reader share: statements that stay prepared, names, and single rows. */
export class Tables {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  all(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...parameters) as unknown as Row[];
  }

  iterate(sql: string, ...parameters: SQLInputValue[]): Iterable<Row> {
    return this.#statement(sql).iterate(...parameters) as unknown as Iterable<Row>;
  }

  /**
   * Rows whose first column falls from below `before`, as the query demands. SQLite trusts its trees to be in order; a
   * key that is not would make others unfindable.
   *
   * @throws SluiceError JOURNAL_DAMAGED
   */
  *descending(sql: string, before: number, ...parameters: SQLInputValue[]): Generator<Row, void, undefined> {
    let last = before;
    for (const row of this.iterate(sql, ...parameters)) {
      if ((row[0] as number) >= last) throw outOfOrder(row[0] as number, this.#path);
      last = row[0] as number;
      yield row;
    }
  }

  /** The same, where they grow from above `after`. */
  *ascending(sql: string, after: number, ...parameters: SQLInputValue[]): Generator<Row, void, undefined> {
    let last = after;
    for (const row of this.iterate(sql, ...parameters)) {
      if ((row[0] as number) <= last) throw outOfOrder(row[0] as number, this.#path);
      last = row[0] as number;
      yield row;
    }
  }

  nameOf(id: number): string {
    if (!this.#names.has(id)) this.#readNames();
    return this.#names.get(id) ?? "";
  }

  idOf(name: string): number | undefined {
    if (!this.#ids.has(name)) this.#readNames();
    return this.#ids.get(name);
  }

  /** The number of an event. */
  seqOf(uid: string): number | undefined {
    return this.event(uid)?.[0] as number | undefined;
  }

  runsOfEvent(seq: number): StoredRun[] {
    const first = seq * RUNS_PER_EVENT;
    return this.all(
      `select ${RUN_COLUMNS} from runs r left join events e on e.seq = r.id / ${RUNS_PER_EVENT} where r.id between ? and ? order by r.id`,
      first,
      first + RUNS_PER_EVENT - 1,
    ).map((row) => this.toStoredRun(row));
  }

  toStoredRun(row: Row): StoredRun {
    const uid = row[13];
    if (!(uid instanceof Uint8Array)) throw missingEvent(row[0] as number, this.#path);
    return toStoredRun(row, readUid(uid), (id) => this.nameOf(id));
  }

  runByKey(key: number): StoredRun {
    const [row] = this.all(
      `select ${RUN_COLUMNS} from runs r left join events e on e.seq = r.id / ${RUNS_PER_EVENT} where r.id = ?`,
      key,
    );
    if (row === undefined)
      throw new SluiceError(
        "JOURNAL_DAMAGED",
        `journal ${this.#path}: an index names run ${key}, which is not there`,
      );
    return this.toStoredRun(row);
  }

  /** What filters ask of the event of a run. */
  factsOf(run: number): EventFacts {
    const [row] = this.all("select source, time from events where seq = ?", Math.floor(run / RUNS_PER_EVENT));
    return { trigger: this.nameOf(row?.[0] as number), time: row?.[1] as number };
  }

  event(uid: string): Row | undefined {
    if (!UID.test(uid)) return undefined;
    return this.all(
      `select ${EVENT_COLUMNS} from events e where e.uid = ?`,
      writeUid(uid, new Uint8Array(16)),
    )[0];
  }

  #readNames(): void {
    for (const [id, name] of this.all("select id, name from names")) {
      this.#names.set(id as number, name as string);
      this.#ids.set(name as string, id as number);
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
