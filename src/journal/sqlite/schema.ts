import type { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../model/errors.ts";

/** Marks the file as a journal of ours, in SQLite's header: "slce". */
export const APPLICATION_ID = 0x73_6c_63_65;

/**
 * Numbered steps from an empty file to today's schema; the file's `user_version` says how many it has had.
 * A step that was released is never changed: add another.
 *
 * - An event's `seq` counts up; a run's `id` is `seq * 4096 + ordinal`, so that an event's runs are a range.
 * - `accepted` is when the journal took the event, which `time` need not be.
 * - `line` is the ordering key of a run of an ordered process, for as long as the run is open or blocks its key.
 * - `due` is 0 for a run that may start now: only retries hold a time, and `delay` bounds how far it may lie ahead.
 * - `postponed` counts the postponements of a run (`Outcome`); null is none.
 * - `attempts` holds those that did not end their run well; the last one of a succeeded run stands in its row.
 */
const MIGRATIONS: readonly string[] = [
  `
  create table meta(key text primary key, value text not null) strict, without rowid;
  create table names(id integer primary key, name text not null) strict;
  create table counters(kind integer not null, name integer not null, count integer not null, primary key(kind, name)) strict, without rowid;
  create table events(
    seq integer primary key, uid blob not null, source integer not null, location text not null,
    operation integer not null, id text, key text, time integer not null, accepted integer not null,
    data text, headers text, cause text, dedupe text
  ) strict;
  create unique index events_uid on events(uid);
  create table deliveries(source integer not null, key text not null, uid blob not null, at integer not null, primary key(source, key)) strict, without rowid;
  create table causes(cause integer not null, event integer not null, primary key(cause, event)) strict, without rowid;
  create table runs(
    id integer primary key, process integer not null, state integer not null, attempts integer not null,
    due integer not null, fence integer not null, started integer, finished integer, version integer, line text,
    delay integer, code text, message text, replay integer, replay_of integer, data text
  ) strict;
  create index runs_due on runs(process, due, id) where state <= 1;
  create index runs_line on runs(process, line, state, id) where line is not null;
  create index runs_failed on runs(state, id) where state >= 4;
  create table attempts(
    run integer not null, fence integer not null, attempt integer not null, version integer not null,
    started integer not null, finished integer not null, outcome integer not null, code text, message text,
    primary key(run, fence)
  ) strict, without rowid;
  create table logs(
    run integer not null, line integer not null, attempt integer not null, time integer not null,
    stream integer not null, text text not null, primary key(run, line)
  ) strict, without rowid;
  create table state(owner text not null, key text not null, value text not null, version integer not null, primary key(owner, key)) strict, without rowid;
  create table paused(name text primary key) strict, without rowid;
  create table strikes(run integer primary key, count integer not null, marked integer not null) strict;
  create table lingering(run integer primary key) strict;
  `,
  `alter table runs add column postponed integer`,
];

/**
 * Brings the file to today's schema, in one transaction.
 *
 * @throws SluiceError JOURNAL_VERSION if it is newer than that, JOURNAL_DAMAGED if it is none of ours
 */
export function migrate(database: DatabaseSync, path: string): void {
  const version = checkVersion(database, path);
  if (version === MIGRATIONS.length) return;
  database.exec("begin immediate");
  try {
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`pragma application_id = ${APPLICATION_ID}; pragma user_version = ${MIGRATIONS.length}`);
    database.exec("commit");
  } catch (error) {
    if (database.isTransaction) database.exec("rollback");
    throw error;
  }
}

/** The schema's version, which is one that we can read. @throws as {@link migrate} */
export function checkVersion(database: DatabaseSync, path: string): number {
  const version = pragma(database, "user_version");
  const application = pragma(database, "application_id");
  const tables = database.prepare("select count(*) as n from sqlite_schema").get()?.["n"];
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0 || tables !== 0)) {
    throw new SluiceError(
      "JOURNAL_DAMAGED",
      `${path} is a database, but not a journal of sluice; name another file`,
    );
  }
  if (version > MIGRATIONS.length) {
    throw new SluiceError(
      "JOURNAL_VERSION",
      `${path} was written by a newer sluice (schema ${version}, this one knows up to ${MIGRATIONS.length}); update sluice`,
    );
  }
  return version;
}

export function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0]);
}
