import type { InputContext } from "../../model/component.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { WRITTEN_AT } from "./rows.ts";
import type { Subscription } from "./subscription.ts";

/** From this size on it is warned of, and again at each fourfold: bytes. */
const FIRST_WARNING = 64 * 1_024 * 1_024;
const GROWTH = 4;

/** Beyond this many, unread changes are not counted: that would take longer than reading them. */
const COUNTED = 100_000;

/** Reports what waits; warns, at each call that finds another threshold passed, of an outbox whose rows are not read fast enough. */
export function createSizeWatch(
  { log, name, report }: InputContext,
  client: PgClient,
  { name: subscription, outbox }: Subscription,
  first: number = FIRST_WARNING,
): () => Promise<void> {
  let threshold = first;
  return async () => {
    const { rows } = await client.query(
      `select pg_total_relation_size('${outbox}')::float8 as bytes,
         (select count(*) from (select 1 from ${outbox} limit ${COUNTED + 1}) counted)::int as unread,
         (select ${WRITTEN_AT} from ${outbox} order by seq limit 1) as oldest`,
    );
    const { bytes, unread, oldest } = rows[0] as { bytes: number; unread: number; oldest: string | null };
    const waits = unread > 0;
    report({
      lag: {
        ...(unread <= COUNTED && { events: unread }),
        bytes: waits ? bytes : 0,
        ...(oldest !== null && { oldest: Number(oldest) }),
      },
    });
    if (bytes < first) threshold = first;
    // An empty outbox may be large on disk until it is vacuumed.
    if (!waits || bytes < threshold) return;
    log.warn(
      { input: name, subscription, bytes },
      `the outbox of subscription "${subscription}" has grown to ${Math.round(bytes / 1_048_576)} MiB: changes come faster than they are taken`,
    );
    while (threshold <= bytes) threshold *= GROWTH;
  };
}
