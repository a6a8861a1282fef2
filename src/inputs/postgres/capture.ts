import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from "../../postgres/names.ts";
import { functionName, triggerName, type Action, type Subscription } from "./subscription.ts";

/**
 * The SQL that captures changes, in the writer's own transaction. It never names a column of the user's tables,
 * so that no change of their shape can make a writer fail; which columns are the key is the reader's business.
 */

const AT = "at timestamptz not null default clock_timestamp()";

/**
 * Rows are read in the order of `seq`, and removed once the journal has them. The event's identity is made of `seq` and
 * of the time, since a table that is made anew, or restored, counts from the beginning again.
 */
export function outboxTable(subscription: Subscription): string {
  return `create table ${subscription.outbox} (
  seq bigint generated always as identity primary key,
  ${AT},
  relation oid not null,
  bytes integer not null,
  operation "char" not null,
  location text not null,
  cause text,
  old json,
  new json
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`;
}

/** Takes over the outbox of an earlier version, whose rows had uids. */
export function renewOutbox({ outbox }: Subscription): string {
  return `alter table ${outbox} drop column uid, add column ${AT}`;
}

/** Where the rows of an action come from, as the columns `old` and `new`. */
const SOURCES: Readonly<Record<Action, string>> = {
  insert: "(select null::json as old, row_to_json(t.*) as new from sluice_new t) rows",
  // Old and new rows carry nothing that would link them but their order: both tables are filled row by row.
  update: `(select o.old, n.new
      from (select row_to_json(t.*) as old, row_number() over () as i from sluice_old t) o
      join (select row_to_json(t.*) as new, row_number() over () as i from sluice_new t) n on n.i = o.i
      order by o.i) rows`,
  delete: "(select row_to_json(t.*) as old, null::json as new from sluice_old t) rows",
  truncate: "(select null::json as old, null::json as new) rows",
};

/**
 * The trigger function of an action. It runs with its owner's rights, so that writers need none on `sluice`, and
 * with settings of its own, so that a row reads the same whatever the writer's session has set.
 * It wakes the reader only if that sleeps: it holds the lock then, and a lock that cannot be shared at once says so.
 */
export function captureFunction(subscription: Subscription, action: Action): string {
  const [space, number] = subscription.sleepLock;
  return `create or replace function ${functionName(subscription, action)}() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set extra_float_digits = 1
set intervalstyle = 'postgres'
set bytea_output = 'hex'
as $sluice$
begin
  insert into ${subscription.outbox} (relation, bytes, operation, location, cause, old, new)
  select tg_relid, coalesce(pg_column_size(rows.old), 0) + coalesce(pg_column_size(rows.new), 0),
    '${action[0]}', tg_argv[0], nullif(left(current_setting('sluice.cause', true), 200), ''), rows.old, rows.new
  from ${SOURCES[action]};
  if found and not pg_try_advisory_xact_lock_shared(${space}, ${number}) then
    perform pg_notify('${subscription.channel}', '');
  end if;
  return null;
end
$sluice$`;
}

const TRANSITIONS: Readonly<Record<Action, string>> = {
  insert: "referencing new table as sluice_new",
  update: "referencing old table as sluice_old new table as sluice_new",
  delete: "referencing old table as sluice_old",
  truncate: "",
};

/** @param location what the events say, whichever partition the trigger stands on */
export function createTrigger(
  subscription: Subscription,
  action: Action,
  relation: TableName,
  location: string,
): string {
  return `create trigger ${quoteIdentifier(triggerName(subscription, action))} after ${action} on ${quoteTable(relation)}
${TRANSITIONS[action]} for each statement
execute function ${functionName(subscription, action)}(${quoteLiteral(location)})`;
}

export function dropTrigger(subscription: Subscription, action: Action, relation: TableName): string {
  return `drop trigger if exists ${quoteIdentifier(triggerName(subscription, action))} on ${quoteTable(relation)}`;
}
