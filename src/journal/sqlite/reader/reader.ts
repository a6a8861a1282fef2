import type { DatabaseSync } from "node:sqlite";
import { isoTime } from "../../../model/event.ts";
import { checkRunState, parseRunId, type AttemptRow, type LogRow, type RunRow } from "../../../model/run.ts";
import type {
  Counters,
  DeadLetterGroup,
  EventQuery,
  EventRow,
  Journey,
  Page,
  PageQuery,
  RunDetail,
  RunQuery,
  SeenQuery,
  SeenRow,
} from "../../history.ts";
import { groupDeadLetters } from "../../dead-letters.ts";
import { readCursor, readLimit, takePage, toCursor, toEventRow, withData } from "../../rows.ts";
import { OPERATION_CODES, STREAM_CODES } from "../layout.ts";
import { fromStoredText } from "../stored-text.ts";
import { readCounters } from "./counters.ts";
import { pageOfEvents } from "./event-list.ts";
import { pageOfRuns } from "./run-list.ts";
import {
  ATTEMPT_COLUMNS,
  claimOf,
  EVENT_COLUMNS,
  lastAttempt,
  payloadOf,
  toAttemptRow,
  toEventRecord,
  toRunRow,
  type Row,
  type StoredRun,
} from "./rows.ts";
import { Tables, type Taken } from "./tables.ts";

/** Events that one run caused, as `journey` lists them, at most; with large ones fewer. */
const CAUSED_LIMIT = 1_000;

/** So many events are held against a question for one page: the reader is for all. */
const LOOKED_AT = 50_000;
/** Of data, in a page of what was seen, unless that of one event is longer. */
const SEEN_CHARACTERS = 4 * 1_024 * 1_024;

/** Reads the journal for people, on a connection that cannot write. */
export class Reader {
  readonly #tables: Tables;

  constructor(database: DatabaseSync, path: string) {
    this.#tables = new Tables(database, path);
  }

  events(query: EventQuery): Page<EventRow> {
    const { rows, next } = pageOfEvents(this.#tables, query);
    return { items: rows.map((row) => this.#toEventRow(row)), next };
  }

  event(uid: string): EventRow | undefined {
    const row = this.#tables.event(uid);
    return row === undefined ? undefined : this.#toEventRow(row);
  }

  journey(uid: string, taken: Taken): Journey | undefined {
    const row = this.#tables.event(uid);
    if (row === undefined) return undefined;
    const seq = row[0] as number;
    const caused = this.#tables.iterate(
      `select ${EVENT_COLUMNS} from causes c left join events e on e.seq = c.event where c.cause = ? and e.seq is not null order by c.event limit ?`,
      seq,
      CAUSED_LIMIT,
    );
    return {
      event: this.#toEventRow(row),
      runs: this.#tables.runsOfEvent(seq).map((run) => toRunRow(run, claimOf(run, taken))),
      caused: takePage(caused, CAUSED_LIMIT, payloadOf).items.map((one) => this.#toEventRow(one)),
    };
  }

  runs(query: RunQuery, taken: Taken): Page<RunRow> {
    if (query.state !== undefined) checkRunState(query.state);
    return pageOfRuns(this.#tables, query, taken);
  }

  run(id: string, taken: Taken): RunDetail | undefined {
    const run = this.#findRun(id);
    if (run === undefined) return undefined;
    const [row] = this.#tables.all("select data from runs where id = ?", run.key);
    return withData(toRunRow(run, claimOf(run, taken)), (row?.[0] as string | null) ?? null);
  }

  attempts(id: string, taken: Taken): AttemptRow[] {
    const run = this.#findRun(id);
    if (run === undefined) return [];
    const past = this.#tables.all(
      `select ${ATTEMPT_COLUMNS} from attempts where run = ? order by fence`,
      run.key,
    );
    return [...past.map(toAttemptRow), ...lastAttempt(run, claimOf(run, taken))];
  }

  logs(id: string, query: PageQuery | undefined): Page<LogRow> {
    const limit = readLimit(query);
    const after = readCursor("log", query) ?? 0;
    const run = this.#findRun(id);
    if (run === undefined) return { items: [], next: null };
    const rows = this.#tables.all(
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
    const rows = this.#tables.iterate(
      "select process, code, message, count(*), min(finished), max(finished), max(id) from runs indexed by runs_failed where state >= 4 and state = 4 group by process, code, message",
    );
    const same = Iterator.from(rows).map(([process, code, message, count, first, last, newest]) => ({
      process: this.#tables.nameOf(process as number),
      error: { code: (code as string | null) ?? "RUN_FAILED", message: (message as string | null) ?? "" },
      count: count as number,
      first: (first as number | null) ?? 0,
      last: (last as number | null) ?? 0,
      newest: newest as number,
    }));
    return groupDeadLetters(same, (key) => toRunRow(this.#tables.runByKey(key), undefined));
  }

  counters(taken: Taken): Counters {
    return readCounters(this.#tables, taken);
  }

  seen(
    { trigger, location, ids, cursor, withData: isFull = false }: SeenQuery,
    keptSince = 0,
  ): Page<SeenRow> {
    const before =
      readCursor("event", cursor === undefined ? undefined : { cursor }) ?? Number.MAX_SAFE_INTEGER;
    const source = this.#tables.idOf(trigger) ?? -1;
    const wanted = new Set(ids);
    const items: SeenRow[] = [];
    let last = 0;
    let looked = 0;
    let characters = 0;
    const sql =
      "select e.seq, e.operation, e.location, e.id, e.source from events e where e.seq < ? order by e.seq desc limit ?";
    for (const row of this.#tables.descending(sql, before, before, LOOKED_AT)) {
      last = row[0] as number;
      looked += 1;
      if (row[4] !== source || row[3] === null) continue;
      const id = fromStoredText(row[3] as string);
      if (!wanted.has(id) || fromStoredText(row[2] as string) !== location) continue;
      const seen: SeenRow = { id, operation: OPERATION_CODES[row[1] as number] ?? "unknown" };
      if (!isFull) {
        items.push(seen);
        continue;
      }
      wanted.delete(id);
      const [[accepted, data] = []] = this.#tables.all(
        "select accepted, data from events where seq = ?",
        last,
      );
      items.push({
        ...seen,
        data: data as string | null,
        mayBeStale: (accepted as number) < keptSince,
      });
      characters += (data as string | null)?.length ?? 0;
      if (characters > SEEN_CHARACTERS) break;
    }
    const isOver = looked < LOOKED_AT && characters <= SEEN_CHARACTERS;
    return { items, next: isOver ? null : toCursor("event", last) };
  }

  #findRun(id: string): StoredRun | undefined {
    const parts = parseRunId(id);
    const seq = parts === undefined ? undefined : this.#tables.seqOf(parts.event);
    if (parts === undefined || seq === undefined) return undefined;
    return this.#tables
      .runsOfEvent(seq)
      .find((run) => run.process === parts.process && run.replay === parts.replay);
  }

  #toEventRow(row: Row): EventRow {
    return toEventRow(toEventRecord(row, (id) => this.#tables.nameOf(id)));
  }
}
