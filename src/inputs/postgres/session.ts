import type { InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { parseTable, type TableName } from "../../postgres/names.ts";
import { QUERY_TIMEOUT, becomeReader, captureAgain, withConnection } from "./connection.ts";
import { claimSubscription, installSubscription, refuseForeignJournal } from "./install.ts";
import type { ResolvedOptions } from "./options.ts";
import { expandListed } from "./listed.ts";
import { readOutbox } from "./reader.ts";
import { createSizeWatch } from "./size.ts";
import { subscriptionOf, type Action, type Subscription } from "./subscription.ts";
import { coverTables, type Coverage } from "./tables.ts";

/** How often it looks for a table that is missing or locked, in milliseconds. */
const MISSING_INTERVAL = 1_000;
/**
 * Captures from the outbox until the signal aborts, over lost connections.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SUBSCRIPTION_OWNED, SQL_FAILED, INVALID_OPTIONS
 */
export async function capture(
  context: InputContext,
  options: ResolvedOptions,
  actions: readonly Action[],
  queryTimeout: number = QUERY_TIMEOUT,
): Promise<void> {
  await captureAgain(context, (proven) =>
    withConnection(context, options, queryTimeout, (client) =>
      useConnection(context, options, actions, client, proven),
    ),
  );
}

async function useConnection(
  context: InputContext,
  options: ResolvedOptions,
  actions: readonly Action[],
  client: PgClient,
  proven: () => void,
): Promise<void> {
  const { journalId, name, pipeline } = context;
  const subscription = subscriptionOf(options.subscription ?? `${pipeline}/${name}`);
  const tables = options.tables.map(parseTable);
  await client.query(SESSION_SETTINGS);
  await installSubscription(client, subscription);
  const refuse = (): Promise<void> => refuseForeignJournal(client, subscription, journalId, options.takeover);
  if (!(await becomeReader(context, client, subscription, refuse))) return;
  await claimSubscription(client, subscription, journalId, options.takeover);
  await client.query(`listen ${subscription.channel}; ${READER_SETTINGS}`);
  proven();

  const watch = createTableWatch(context, client, subscription, tables, actions);
  const size = createSizeWatch(context, client, subscription);
  const interval = parseDuration(options.pollInterval);
  await readOutbox({
    context,
    client,
    subscription,
    data: options.data,
    columns: options.columns,
    batchSize: options.batchSize,
    async maintain() {
      const coverage = await watch();
      await size();
      const isComplete = coverage.missing.length === 0 && coverage.locked.length === 0;
      return isComplete ? interval : Math.min(interval, MISSING_INTERVAL);
    },
  });
}

/**
 * The keepalives let the server notice that we are gone, so that another reader may follow. The path keeps functions
 * that others have made from being taken for the server's own.
 */
const SESSION_SETTINGS = `
  set search_path = pg_catalog, pg_temp;
  set default_transaction_read_only = off;
  set tcp_keepalives_idle = 10;
  set tcp_keepalives_interval = 5;
  set tcp_keepalives_count = 3`;

/**
 * Deletes need not reach the source's disk at once: what a crash there brings back is read again under its uid.
 * The outbox grows and shrinks too fast for the planner's statistics, so it is told to use the index.
 */
const READER_SETTINGS = `
  set synchronous_commit = off;
  set enable_seqscan = off;
  set jit = off`;

/** Covers the tables at each call, tells what it finds, and says that the input is ready once it can see changes. */
function createTableWatch(
  context: InputContext,
  client: PgClient,
  subscription: Subscription,
  tables: readonly TableName[],
  actions: readonly Action[],
): () => Promise<Coverage> {
  const { log, name } = context;
  const told = new Map<string, string>();
  let covered: ReadonlySet<string> = new Set();
  let isReady = false;

  function tell(table: string, what: string | undefined): void {
    if (told.get(table) === what) return;
    if (what === undefined) log.info({ input: name, table }, `${table} is captured now`);
    else log.warn({ input: name, table }, `${table} ${what}`);
    if (what === undefined) told.delete(table);
    else told.set(table, what);
  }

  return async () => {
    const listed = await expandListed(client, tables);
    const covering = await coverTables(client, subscription, listed.tables, actions);
    const coverage = { ...covering, missing: [...covering.missing, ...listed.unmatched] };
    const troubles = new Map<string, string>();
    for (const table of coverage.blind)
      troubles.set(table, "has its trigger disabled, or is foreign: changes go by unseen");
    for (const table of coverage.locked)
      troubles.set(table, "is locked by another transaction; its triggers are installed when that ends");
    for (const table of coverage.missing)
      troubles.set(table, "does not exist; it is captured as soon as it does");
    for (const table of new Set([...told.keys(), ...troubles.keys()])) tell(table, troubles.get(table));
    for (const table of coverage.installed) {
      if (!covered.has(table)) continue;
      const lost =
        "had lost its triggers, or was made anew; it is captured again, but changes may have gone by unseen";
      log.warn({ input: name, table }, `${table} ${lost}`);
    }
    covered = new Set(coverage.covered);
    if (!isReady && coverage.locked.length === 0) {
      isReady = true;
      context.ready();
    }
    return coverage;
  };
}
