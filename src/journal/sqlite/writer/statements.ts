import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Stands for what makes a run for the window, with its event; see `run-rows.ts`. */
const RUN_WITH_EVENT = `r.id, r.process, r.attempts, r.replay, r.replay_of, r.line, r.due, r.data as edited,
  e.uid, e.source, e.location, e.operation, e.id as record, e.key, e.time, e.data, e.headers, e.cause, r.postponed
  from runs r left join events e on e.seq = r.id / 4096`;

const SQL = {
  insertEvent: "insert into events values (?,?,?,?,?,?,?,?,?,?,?,?,?) on conflict(uid) do nothing",
  insertRun: "insert into runs(id, process, state, attempts, due, fence, line) values (?,?,?,0,0,0,?)",
  insertDead:
    "insert into runs(id, process, state, attempts, due, fence, finished, code, message) values (?,?,4,0,0,0,?,?,?)",
  insertReplay:
    "insert into runs(id, process, state, attempts, due, fence, line, replay, replay_of, data) values (?,?,?,0,0,?,?,?,?,?)",
  eventOf: "select seq from events where uid = ?",
  delivery: "select uid, at from deliveries where source = ? and key = ?",
  putDelivery:
    "insert into deliveries values (?,?,?,?) on conflict do update set uid = excluded.uid, at = excluded.at",
  insertCause: "insert or ignore into causes values (?, ?)",

  succeed:
    "update runs set state = 3, attempts = attempts + 1, due = 0, fence = ?, started = ?, finished = ?, version = ?, code = null, message = null, line = null where id = ? and state <= 1 and fence < ?",
  retry:
    "update runs set state = 1, attempts = attempts + 1, due = ?, delay = ?, fence = ?, started = ?, finished = ?, version = ?, code = ?, message = ? where id = ? and state <= 1 and fence < ?",
  postpone:
    "update runs set state = 1, postponed = coalesce(postponed, 0) + 1, due = ?, delay = ?, fence = ?, started = ?, finished = ?, version = ?, code = ?, message = ? where id = ? and state <= 1 and fence < ?",
  fail: "update runs set state = ?, attempts = attempts + 1, due = 0, fence = ?, started = ?, finished = ?, version = ?, code = ?, message = ?, line = case when ? then line end where id = ? and state <= 1 and fence < ?",
  release: "update runs set state = 0, due = 0, fence = ? where id = ? and state <= 1 and fence < ?",
  stateOf: "select state from runs where id = ?",
  insertAttempt: "insert or replace into attempts values (?,?,?,?,?,?,?,?,?)",
  insertLog: "insert into logs values (?,?,?,?,?,?)",

  lineTaken: "select 1 from runs where process = ? and line = ? and line is not null limit 1",
  // Two seeks rather than one range: thousands may be waiting between them.
  lineAhead:
    "select 1 where exists (select 1 from runs where process = ?1 and line = ?2 and line is not null and state < 2) or exists (select 1 from runs where process = ?1 and line = ?2 and line is not null and state > 2)",
  lineNext:
    "select id from runs where process = ? and line = ? and line is not null and state = 2 order by id limit 1",
  promote: "update runs set state = 0 where id = ?",
  runForWindow: "select RUN_WITH_EVENT where r.id = ?",

  fresh:
    "select RUN_WITH_EVENT where r.process = ? and r.state <= 1 and r.due = 0 and r.id > ? order by r.id limit ?",
  dueRetries:
    "select RUN_WITH_EVENT where r.process = ? and r.state <= 1 and r.due > 0 and r.due <= ? and (r.due, r.id) > (?, ?) order by r.due, r.id limit ?",
  nextDue: "select due from runs where process = ? and state <= 1 and due > ? order by due limit 1",
  run: "select id, process, state, line, replay, data from runs where id = ?",
  runsOfEvent: "select id, process, state, line, replay, data from runs where id between ? and ? order by id",
  openOfProcess: "select id, line, state from runs where process = ? and state <= 1 limit ?",
  waitingOfProcess:
    "select id, line, state from runs where process = ? and line is not null and state = 2 limit ?",
  end: "update runs set state = ?, attempts = attempts + ?, due = 0, fence = ?, started = coalesce(?, started), finished = ?, code = ?, message = ?, line = case when ? then line end where id = ?",
  reopen:
    "update runs set state = ?, attempts = 0, postponed = null, due = 0, fence = ?, started = null, finished = null, code = null, message = null, line = ? where id = ?",
  eventKey: "select key, location, id, uid from events where seq = ?",
  linger: "insert or ignore into lingering values (?)",
  unlinger: "delete from lingering where run = ?",
  isLingering: "select 1 from lingering where run = ?",
  lingering: "select l.run, r.process, r.line, r.state from lingering l left join runs r on r.id = l.run",
  giveUp: "update runs set state = ?, line = null where id = ?",
  clearLine: "update runs set line = null where id = ?",

  stateValue: "select value, version from state where owner = ? and key = ?",
  putState:
    "insert into state values (?,?,?,1) on conflict do update set value = excluded.value, version = version + 1",
  dropState: "delete from state where owner = ? and key = ?",
  pause: "insert or ignore into paused values (?)",
  resume: "delete from paused where name = ?",

  count: "insert into counters values (?,?,?) on conflict do update set count = excluded.count",
  insertName: "insert into names values (?,?)",
  strikes: "select run, count, marked from strikes",
  setStrikes:
    "insert into strikes values (?,?,?) on conflict do update set count = excluded.count, marked = excluded.marked",
  strikesOf: "select count from strikes where run = ?",
  dueNow:
    "select id from runs where process = ? and state <= 1 and due between ? and ? order by due, id limit ?",
  unmark: "update strikes set marked = 0",
  dropStrikes: "delete from strikes where run = ?",
  forgetEnd: "select max(seq) from (select seq from events where seq > ? order by seq limit ?)",
  // Text that is kept behind a mark, and records without an id, are looked at more closely.
  forgetCandidates: `select seq from events where seq > ?1 and seq <= ?2 and (key = ?3 or (key is null and
    (id is null or location || '/' || id = ?3 or substr(location, 1, 1) = char(1) or substr(id, 1, 1) = char(1)))) order by seq`,
  forgetOpen: "select 1 from runs where id between ? and ? and state <= ? limit 1",
  forgetEvent: "update events set data = null, headers = null where seq = ?",
  forgetRuns:
    "update runs set data = null, message = case when message is not null then '' end where id between ? and ?",
  forgetAttempts:
    "update attempts set message = case when message is not null then '' end where run between ? and ?",
  forgetLogs: "delete from logs where run between ? and ?",
  hops: "select uid, cause from events where uid = ?",
} as const;

export type Statements = { readonly [Name in keyof typeof SQL]: StatementSync };

export function prepareStatements(database: DatabaseSync): Statements {
  const prepared = Object.entries(SQL).map(([name, sql]) => {
    const statement = database.prepare(sql.replace("RUN_WITH_EVENT", RUN_WITH_EVENT));
    statement.setReturnArrays(true);
    return [name, statement] as const;
  });
  return Object.fromEntries(prepared) as unknown as Statements;
}
