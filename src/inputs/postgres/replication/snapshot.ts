import { createUidSource } from "../../../model/uid.ts";
import type { InputContext } from "../../../model/component.ts";
import { connect } from "../../../postgres/connect.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { quoteLiteral } from "../../../postgres/names.ts";
import { sessionOf, type ResolvedOptions } from "../options.ts";
import { findTables } from "../survey/tables.ts";
import { readAfter, toReadEvent } from "../survey/read.ts";
import { emit, SESSION_SETTINGS } from "./emit.ts";
import type { Source } from "./slot.ts";

/**
 * Creates the slot, and emits every row as it is at exactly that place, in the order of the keys. A snapshot lives
 * as long as its session: cut off, all begins anew, with another slot.
 *
 * @returns where the slot stands
 */
export async function readSnapshot(
  context: InputContext,
  options: ResolvedOptions,
  walsender: PgClient,
  { slot, version }: Source,
): Promise<string> {
  const how = version >= 170_000 ? "(SNAPSHOT 'export', FAILOVER true)" : "EXPORT_SNAPSHOT";
  const { rows } = await walsender.query(`CREATE_REPLICATION_SLOT ${slot} LOGICAL pgoutput ${how}`);
  const { consistent_point: position, snapshot_name: snapshot } = rows[0] as Record<string, string>;
  const client = await connect({ ...sessionOf(options), applicationName: `sluice snapshot ${context.name}` });
  const newUid = createUidSource(context.random);
  try {
    await client.query(SESSION_SETTINGS);
    await client.query("begin isolation level repeatable read read only");
    await client.query(`set transaction snapshot ${quoteLiteral(snapshot as string)}`);
    for (const table of await findTables(client, options.tables, undefined)) {
      let after: readonly string[] | null = null;
      while (!context.signal.aborted) {
        const found: Awaited<ReturnType<typeof readAfter>> = await readAfter(
          client,
          table,
          after,
          undefined,
          options.batchSize,
        );
        const last = found.at(-1);
        if (last === undefined) break;
        const events = found.map((row) => toReadEvent(table, row, newUid(context.clock.now()), options));
        if (!(await emit(context, events, {}))) break;
        after = last.key;
      }
    }
  } finally {
    await client.end().catch(() => undefined);
  }
  return position as string;
}
