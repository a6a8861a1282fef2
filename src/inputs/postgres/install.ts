import { createHash } from "node:crypto";
import { EPHEMERAL_JOURNAL } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { describeError, sqlState } from "../../postgres/errors.ts";
import { quoteLiteral } from "../../postgres/names.ts";
import { captureFunction, outboxTable, renewOutbox } from "./capture.ts";
import { ACTIONS, INSTALL_LOCK, functionName, type Action, type Subscription } from "./subscription.ts";

/** Longest wait for a lock while installing; a waiting DDL statement makes every later writer wait behind it. */
export const LOCK_TIMEOUT = "2s";

/**
 * Creates what the subscription needs in the schema `sluice`, and nothing that is there already: a role that may
 * create nothing works as well, once another has.
 *
 * @throws SluiceError SQL_FAILED, saying which right is missing.
 */
export async function installSubscription(client: PgClient, subscription: Subscription): Promise<void> {
  await inTransaction(client, async () => {
    await client.query("select pg_advisory_xact_lock($1, $2)", [...INSTALL_LOCK]);
    await createMissing(client, subscription);
  }).catch((error: unknown) => {
    if (sqlState(error) !== "42501") throw error;
    throw new SluiceError(
      "SQL_FAILED",
      `cannot create the outbox of subscription "${subscription.name}": ${describeError(error)}; grant CREATE on the database (or on the schema sluice, if it is there) once, or start it once with a role that may`,
    );
  });
}

const HAS_UID = "select 1 from pg_attribute where attrelid = to_regclass($1) and attname = 'uid'";

async function createMissing(client: PgClient, subscription: Subscription): Promise<void> {
  const there = async (sql: string, value: string): Promise<boolean> =>
    (await client.query(sql, [value])).rows.length > 0;
  const tableIsThere = (name: string): Promise<boolean> =>
    there("select 1 where to_regclass($1) is not null", name);

  if (!(await there("select 1 from pg_namespace where nspname = $1", "sluice"))) {
    await client.query("create schema sluice");
  }
  if (!(await tableIsThere("sluice.subscriptions"))) {
    await client.query(`create table sluice.subscriptions (
      name text primary key,
      journal text not null,
      since timestamptz not null default now()
    )`);
  }
  if (!(await tableIsThere(subscription.outbox))) {
    await client.query(outboxTable(subscription));
    await client.query(`comment on table ${subscription.outbox} is ${quoteLiteral(subscription.name)}`);
  } else if (await there(HAS_UID, subscription.outbox)) {
    await client.query(renewOutbox(subscription));
  }
  const marks = await functionMarks(client);
  for (const action of ACTIONS) {
    const text = captureFunction(subscription, action);
    const mark = createHash("sha256").update(text).digest("hex");
    const name = functionName(subscription, action);
    if (marks.get(name) === mark) continue;
    await client.query(text);
    await client.query(`comment on function ${name}() is '${mark}'`);
  }
}

/** The text from which each function was made, as a hash kept in its comment. */
async function functionMarks(client: PgClient): Promise<Map<string, string>> {
  const { rows } = await client.query(
    `select 'sluice.' || proname as name, obj_description(oid, 'pg_proc') as mark
     from pg_proc where pronamespace = 'sluice'::regnamespace`,
  );
  return new Map(rows.map((row) => [row["name"] as string, row["mark"] as string]));
}

/** Ties the subscription to a journal; to be called by the reader that holds its lock. */
export async function claimSubscription(
  client: PgClient,
  subscription: Subscription,
  journal: string,
  takeover: boolean,
): Promise<void> {
  await refuseForeignJournal(client, subscription, journal, takeover);
  await client.query(
    `insert into sluice.subscriptions (name, journal) values ($1, $2)
     on conflict (name) do update set journal = excluded.journal, since = now()
     where subscriptions.journal <> excluded.journal`,
    [subscription.name, journal],
  );
}

/**
 * @throws SluiceError SUBSCRIPTION_OWNED if another journal has it: only that one knows which rows were taken
 * before a crash, and two would steal each other's changes.
 */
export async function refuseForeignJournal(
  client: PgClient,
  subscription: Subscription,
  journal: string,
  takeover: boolean,
): Promise<void> {
  if (takeover) return;
  const { rows } = await client.query("select journal from sluice.subscriptions where name = $1", [
    subscription.name,
  ]);
  const owner = rows[0]?.["journal"] as string | undefined;
  if (owner === undefined || owner === journal || owner === EPHEMERAL_JOURNAL) return;
  throw new SluiceError(
    "SUBSCRIPTION_OWNED",
    `subscription "${subscription.name}" belongs to journal ${owner}, not to this one (${journal}); give this input a subscription of its own, or, if that journal is gone for good, set takeover = true`,
    { details: { subscription: subscription.name, owner, journal } },
  );
}

/** The actions whose triggers an input needs. A TRUNCATE is a delete of everything. */
export function actionsFor(operations: readonly string[] | undefined): Action[] {
  const wanted = (operation: string): boolean => operations === undefined || operations.includes(operation);
  return [
    ...(wanted("create") ? (["insert"] as const) : []),
    ...(wanted("update") ? (["update"] as const) : []),
    ...(wanted("delete") ? (["delete", "truncate"] as const) : []),
  ];
}

/** Begins, sets the lock time-out, does it, commits; rolls back if it throws. */
export async function inTransaction(client: PgClient, work: () => Promise<void>): Promise<void> {
  await client.query("begin");
  try {
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    await work();
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
