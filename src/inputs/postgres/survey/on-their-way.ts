import { sleep } from "../../../model/clock.ts";
import type { SurveyContext } from "../../../model/component.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { parseRow } from "../exact-json.ts";
import type { ResolvedOptions } from "../options.ts";
import { describeSource, slotStatus } from "../replication/slot.ts";
import { recordId } from "../rows.ts";
import { subscriptionOf } from "../subscription.ts";
import type { SurveyedTable } from "./tables.ts";

type Context = SurveyContext<Record<string, unknown>>;

/** How often a slot is looked at, and how long it may stand still while it is read: milliseconds. */
const LOOK = 250;
const PATIENCE = 15_000;

/**
 * Tells of which of these records a change is, or may be, on its way to the journal: what the journal has of those says
 * nothing.
 */
export async function changesOnTheirWay(
  client: PgClient,
  options: ResolvedOptions,
  context: Context,
  table: SurveyedTable,
  asked: ReadonlySet<string>,
): Promise<(id: string) => boolean> {
  const subscription = options.subscription ?? `${context.pipeline}/${context.name}`;
  if (options.mode === "outbox") {
    const waiting = await inOutbox(client, subscription, table, asked);
    return (id) => waiting.has(id);
  }
  const isThrough = await untilSlotPasses(client, options, context, subscription);
  return () => !isThrough;
}

/** Those of the ids whose row's change waits in the outbox. */
async function inOutbox(
  client: PgClient,
  subscription: string,
  { location, shape }: SurveyedTable,
  asked: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const { outbox } = subscriptionOf(subscription);
  const ids = new Set<string>();
  const { rows: there } = await client.query("select to_regclass($1) is not null as there", [outbox]);
  if (there[0]?.["there"] !== true) return ids;
  for (let seq = "0"; ;) {
    const { rows } = await client.query(
      `select seq::text, location, new::text as text from ${outbox}
       where seq > $1 and new is not null order by seq limit 2000`,
      [seq],
    );
    const last = rows.at(-1);
    if (last === undefined) return ids;
    seq = last["seq"] as string;
    for (const row of rows) {
      if (row["location"] !== location) continue;
      const text = row["text"] as string;
      const id = recordId(parseRow(text, shape.exact), text, shape.key);
      if (asked.has(id)) ids.add(id);
    }
  }
}

/**
 * Nobody can look into a slot that is being read. So what has been written until now is waited for, as long as the slot
 * moves.
 *
 * @returns `false` if it stands still before: then what it holds cannot be told from what is missing
 */
async function untilSlotPasses(
  client: PgClient,
  options: ResolvedOptions,
  { clock, log, name, signal }: Context,
  subscription: string,
): Promise<boolean> {
  const { slot } = await describeSource(client, options, subscription);
  const { rows } = await client.query("select pg_current_wal_flush_lsn()::text as written");
  const written = rows[0]?.["written"] as string;
  let last: string | undefined;
  let movedAt = clock.monotonic();
  for (;;) {
    const status = await slotStatus(client, slot);
    // Without a slot nothing is on its way.
    if (status === undefined) return true;
    const passed = await client.query("select $1::pg_lsn >= $2::pg_lsn as passed", [
      status.confirmed,
      written,
    ]);
    if (passed.rows[0]?.["passed"] === true) return true;
    if (status.confirmed !== last) movedAt = clock.monotonic();
    last = status.confirmed;
    if (!status.active || clock.monotonic() - movedAt > PATIENCE) break;
    await sleep(clock, LOOK, signal);
    signal.throwIfAborted();
  }
  log.warn(
    { input: name, slot },
    `the slot ${slot} stands at ${last}, before ${written}, and is not read on: what it holds cannot be told from what is missing, and counts as on its way; run the pipeline, and audit again`,
  );
  return false;
}
