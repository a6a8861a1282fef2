import { SluiceError } from "../../model/errors.ts";
import { connect } from "../../postgres/connect.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { inTransaction } from "./install.ts";
import { sessionOf, type Connection } from "./options.ts";
import { ACTIONS, INSTALL_LOCK, functionName, subscriptionOf } from "./subscription.ts";
import { uncoverTables } from "./tables.ts";

/**
 * Removes the triggers, the functions and the outbox of a subscription, with the changes that were not read yet.
 * The schema `sluice` goes with the last that used it. Doing it twice is harmless.
 *
 * @throws SluiceError SUBSCRIPTION_OWNED while a reader is at work; SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function uninstallSubscription(options: Connection, name: string): Promise<void> {
  const subscription = subscriptionOf(name);
  const client = await connect({ ...sessionOf(options), applicationName: "sluice uninstall" });
  try {
    const { rows } = await client.query("select to_regclass('sluice.subscriptions') is not null as there");
    if (rows[0]?.["there"] !== true) return;
    const lock = await client.query("select pg_try_advisory_lock($1, $2) as locked", [
      ...subscription.readerLock,
    ]);
    if (lock.rows[0]?.["locked"] !== true) {
      throw new SluiceError(
        "SUBSCRIPTION_OWNED",
        `subscription "${name}" is being read; stop its pipeline, or remove the input, before uninstalling it`,
      );
    }
    await uncoverTables(client, subscription);
    await inTransaction(client, async () => {
      await client.query("select pg_advisory_xact_lock($1, $2)", [...INSTALL_LOCK]);
      for (const action of ACTIONS) {
        await client.query(`drop function if exists ${functionName(subscription, action)}()`);
      }
      await client.query(`drop table if exists ${subscription.outbox}`);
      await client.query("delete from sluice.subscriptions where name = $1", [name]);
      await dropSchemaIfUnused(client);
    });
  } finally {
    await client.end();
  }
}

/** What is left of us once no subscription, and no record of applied runs, is there any more. */
async function dropSchemaIfUnused(client: PgClient): Promise<void> {
  const { rows } = await client.query(
    `select not exists (select 1 from sluice.subscriptions)
       and not exists (select 1 from pg_class where relnamespace = 'sluice'::regnamespace
         and relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relname <> 'subscriptions')
       and not exists (select 1 from pg_proc where pronamespace = 'sluice'::regnamespace and proname <> 'uuid_v7')
       and pg_has_role((select nspowner from pg_namespace where nspname = 'sluice'), 'USAGE') as unused`,
  );
  if (rows[0]?.["unused"] !== true) return;
  await client.query("drop table sluice.subscriptions");
  await client.query("drop function if exists sluice.uuid_v7()");
  await client.query("drop schema sluice");
}
