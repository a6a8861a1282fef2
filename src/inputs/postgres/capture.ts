import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from "../../postgres/names.ts";
import { functionName, triggerName, type Action, type Subscription } from "./subscription.ts";

/**
 * The SQL that captures changes, in the writer's own transaction. It never names a column of the user's tables,
 * so that no change of their shape can make a writer fail; which columns are the key is the reader's business.
 */

/** Rows are read in the order of `seq`, and removed once the journal has them; `uid` is the event's identity. */
export function outboxTable(subscription: Subscription, uuid: string): string {
  return `create table ${subscription.outbox} (
  seq bigint generated always as identity primary key,
  uid uuid not null default ${uuid},
  relation oid not null,
  bytes integer not null,
  operation "char" not null,
  location text not null,
  cause text,
  old json,
  new json
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`;
}

/** For servers before PostgreSQL 18, which brings `uuidv7()`: RFC 9562, section 5.7. */
export const UUID_FUNCTION = `create function sluice.uuid_v7() returns uuid language sql volatile as $sluice$
  select pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.overlay(
    pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
    pg_catalog.substring(pg_catalog.int8send(
      pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8), 3),
    1, 6), 52, 1), 53, 1), 'hex')::pg_catalog.uuid
$sluice$`;

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
