import type { InputContext } from "../../../model/component.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import type { ResolvedOptions } from "../options.ts";
import type { Action } from "../subscription.ts";
import { publishTables } from "./publication.ts";
import { lagOf, lostSlot, slotStatus, type Source } from "./slot.ts";

/** From this much kept WAL on it is warned of, and again at each fourfold: bytes. */
const FIRST_WARNING = 256 * 1_024 * 1_024;
const GROWTH = 4;

/**
 * Looks, at each call, after the tables that are published and after the slot, and tells what it finds once.
 *
 * @returns whether all that is there is published
 */
export function createWatch(
  context: InputContext,
  client: PgClient,
  source: Source,
  options: ResolvedOptions,
  actions: readonly Action[],
  first: number = FIRST_WARNING,
): () => Promise<boolean> {
  const { log, name } = context;
  let told = new Set<string>();
  let threshold = first;
  let wasThere = false;

  async function watchSlot(): Promise<readonly string[]> {
    const status = await slotStatus(client, source.slot);
    if (status === undefined) {
      if (!wasThere) return [];
      throw lostSlot(context, `the replication slot ${source.slot} is gone: somebody dropped it`);
    }
    wasThere = true;
    context.report({ lag: lagOf(status) });
    if (status.kept < first) threshold = first;
    if (status.kept >= threshold) {
      log.warn(
        { input: name, slot: source.slot, bytes: status.kept },
        `the server keeps ${Math.round(status.kept / 1_048_576)} MiB of WAL for the slot ${source.slot}: changes come faster than they are taken, or a transaction has been open for long`,
      );
      while (threshold <= status.kept) threshold *= GROWTH;
    }
    if (status.status !== "unreserved") return [];
    return [
      `the slot ${source.slot} is about to be lost: the server may remove WAL that it needs (max_slot_wal_keep_size)`,
    ];
  }

  return async () => {
    const tables = await publishTables(client, source.publication, options.tables, actions);
    const wantsOld = options.data === "old" || options.data === "old+new";
    const troubles = [
      ...tables.missing.map((table) => `${table} does not exist; it is captured as soon as it does`),
      ...tables.locked.map(
        (table) => `${table} is locked by another transaction; it is published when that ends`,
      ),
      ...tables.withoutIdentity.map(
        (table) =>
          `${table} has no replica identity, and is not captured: publishing it would make its updates and deletes fail; give it a primary key, or ALTER TABLE … REPLICA IDENTITY FULL`,
      ),
      ...(wantsOld ? tables.notFull : []).map(
        (table) =>
          `${table} has only its key as replica identity: old rows need ALTER TABLE … REPLICA IDENTITY FULL`,
      ),
      ...(await watchSlot()),
    ];
    for (const trouble of troubles) if (!told.has(trouble)) log.warn({ input: name }, trouble);
    told = new Set(troubles);
    return tables.locked.length === 0;
  };
}
