import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { SluiceError } from "../../../model/errors.ts";
import { isoTime } from "../../../model/event.ts";
import { checkRunState, parseRunId, type AttemptRow, type LogRow, type RunRow } from "../../../model/run.ts";
import type {
  DeadLetterGroup,
  EventQuery,
  EventRow,
  Journey,
  Page,
  PageQuery,
  RunQuery,
} from "../../history.ts";
import { readCursor, readLimit, toCursor, toEventRow } from "../../rows.ts";
import { RUNS_PER_EVENT } from "../../run-code.ts";
import { STREAM_CODES, type TakenRun } from "../layout.ts";
import { readUid, writeUid } from "../uid-blob.ts";
import { missingEvent } from "../writer/run-rows.ts";
import { readCounters } from "./counters.ts";
import { pageOfRuns } from "./run-list.ts";
import {
  ATTEMPT_COLUMNS,
  claimOf,
  EVENT_COLUMNS,
  lastAttempt,
  RUN_COLUMNS,
  toAttemptRow,
  toEventRecord,
  toRunRow,
  toStoredRun,
  type Row,
  type StoredRun,
} from "./rows.ts";
import type { Counters } from "../../history.ts";

/** Events that one run caused, as `journey` lists them, at most. */
const CAUSED_LIMIT = 1_000;

/** What a call needs besides its arguments: the runs that are taken now, which the disk does not know. */
export type Taken = ReadonlyMap<number, TakenRun>;

/** Reads the journal for people, on a connection that cannot write. */
export class Reader {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  events(query: EventQuery): Page<EventRow> {
    const limit = readLimit(query);
    const before = readCursor("event", query) ?? Number.MAX_SAFE_INTEGER;
    const source = query.trigger === undefined ? undefined : (this.idOf(query.trigger) ?? -1);
    const filter = source === undefined ? "" : "and e.source = ?";
    const rows = this.all(
      `select ${EVENT_COLUMNS} from events e where e.seq < ? ${filter} order by e.seq desc limit ?`,
      before,
      ...(source === undefined ? [] : [source]),
      limit + 1,
    );
    const items = rows.slice(0, limit);
    return {
      items: items.map((row) => this.#toEventRow(row)),
      next: rows.length > limit ? toCursor("event", items.at(-1)?.[0] as number) : null,
    };
  }

  event(uid: string): EventRow | undefined {
    const row = this.#event(uid);
    return row === undefined ? undefined : this.#toEventRow(row);
  }

  journey(uid: string, taken: Taken): Journey | undefined {
    const row = this.#event(uid);
    if (row === undefined) return undefined;
    const seq = row[0] as number;
    const caused = this.all(
      `select ${EVENT_COLUMNS} from causes c left join events e on e.seq = c.event where c.cause = ? and e.seq is not null order by c.event limit ?`,
      seq,
      CAUSED_LIMIT,
    );
    return {
      event: this.#toEventRow(row),
      runs: this.runsOfEvent(seq).map((run) => toRunRow(run, claimOf(run, taken))),
      caused: caused.map((one) => this.#toEventRow(one)),
    };
  }

  runs(query: RunQuery, taken: Taken): Page<RunRow> {
    if (query.state !== undefined) checkRunState(query.state);
    return pageOfRuns(this, query, taken);
  }

  run(id: string, taken: Taken): RunRow | undefined {
    const run = this.#findRun(id);
    return run === undefined ? undefined : toRunRow(run, claimOf(run, taken));
  }

  attempts(id: string, taken: Taken): AttemptRow[] {
    const run = this.#findRun(id);
    if (run === undefined) return [];
    const past = this.all(`select ${ATTEMPT_COLUMNS} from attempts where run = ? order by fence`, run.key);
    return [...past.map(toAttemptRow), ...lastAttempt(run, claimOf(run, taken))];
  }

  logs(id: string, query: PageQuery | undefined): Page<LogRow> {
    const limit = readLimit(query);
    const after = readCursor("log", query) ?? 0;
    const run = this.#findRun(id);
    if (run === undefined) return { items: [], next: null };
    const rows = this.all(
      "select line, time, attempt, stream, text from logs where run = ? and line > ? order by line limit ?",
      run.key,
      after,
      limit + 1,
    );
    const kept = rows.slice(0, limit);
    const items = kept.map(([, time, attempt, stream, text]) => ({
      time: isoTime(time as number),
      attempt: attempt as number,
      stream: STREAM_CODES[stream as number] ?? "log",
      text: text as string,
    }));
    return { items, next: rows.length > limit ? toCursor("log", kept.at(-1)?.[0] as number) : null };
  }

  deadLetters(): DeadLetterGroup[] {
    const groups = this.all(
      "select process, code, count(*), max(id) from runs indexed by runs_failed where state >= 4 and state = 4 group by process, code order by 3 desc, 4 desc",
    );
    return groups.map(([, , count, newest]) => {
      const run = this.runByKey(newest as number);
      const row = toRunRow(run, undefined);
      return {
        process: row.process,
        error: row.error ?? { code: "RUN_FAILED", message: "" },
        count: count as number,
        newest: row,
      };
    });
  }

  counters(taken: Taken): Counters {
    return readCounters(this, taken);
  }

  // What the parts of the reader share.

  all(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...parameters) as unknown as Row[];
  }

  iterate(sql: string, ...parameters: SQLInputValue[]): Iterable<Row> {
    return this.#statement(sql).iterate(...parameters) as unknown as Iterable<Row>;
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
    return this.#event(uid)?.[0] as number | undefined;
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

  #findRun(id: string): StoredRun | undefined {
    const parts = parseRunId(id);
    const seq = parts === undefined ? undefined : this.seqOf(parts.event);
    if (parts === undefined || seq === undefined) return undefined;
    return this.runsOfEvent(seq).find((run) => run.process === parts.process && run.replay === parts.replay);
  }

  #event(uid: string): Row | undefined {
    if (!UID.test(uid)) return undefined;
    return this.all(
      `select ${EVENT_COLUMNS} from events e where e.uid = ?`,
      writeUid(uid, new Uint8Array(16)),
    )[0];
  }

  #toEventRow(row: Row): EventRow {
    return toEventRow(toEventRecord(row, (id) => this.nameOf(id)));
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

const UID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
