import type { InputContext, InputLag } from "../../model/component.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { WRITTEN_AT } from "./rows.ts";
import type { Subscription } from "./subscription.ts";

/** From this size on it is warned of, and again at each fourfold: bytes. */
const FIRST_WARNING = 64 * 1_024 * 1_024;
const GROWTH = 4;

/** Beyond this many, unread changes are not counted: that would take longer than reading them. */
const COUNTED = 100_000;

interface Waiting {
  readonly lag: InputLag;
  /** Size on disk. */
  readonly bytes: number;
  readonly isEmpty: boolean;
}

/** What waits in an outbox. */
export async function readWaiting(
  client: PgClient,
  { outbox }: Pick<Subscription, "outbox">,
): Promise<Waiting> {
  const { rows } = await client.query(
    `select pg_total_relation_size('${outbox}')::float8 as bytes,
       (select count(*) from (select 1 from ${outbox} limit ${COUNTED + 1}) counted)::int as unread,
       (select ${WRITTEN_AT} from ${outbox} order by seq limit 1) as oldest`,
  );
  const { bytes, unread, oldest } = rows[0] as { bytes: number; unread: number; oldest: string | null };
  const isEmpty = unread === 0;
  const lag = {
    ...(unread <= COUNTED && { events: unread }),
    // An empty outbox may be large on disk until it is vacuumed.
    bytes: isEmpty ? 0 : bytes,
    ...(oldest !== null && { oldest: Number(oldest) }),
  };
  return { lag, bytes, isEmpty };
}

/** Reports what waits; warns, at each call that finds another threshold passed, of an outbox whose rows are not read fast enough. */
export function createSizeWatch(
  { log, name, report }: InputContext,
  client: PgClient,
  subscription: Subscription,
  first: number = FIRST_WARNING,
): () => Promise<void> {
  let threshold = first;
  return async () => {
    const { lag, bytes, isEmpty } = await readWaiting(client, subscription);
    report({ lag });
    if (bytes < first) threshold = first;
    if (isEmpty || bytes < threshold) return;
    log.warn(
      { input: name, subscription: subscription.name, bytes },
      `the outbox of subscription "${subscription.name}" has grown to ${Math.round(bytes / 1_048_576)} MiB: changes come faster than they are taken`,
    );
    while (threshold <= bytes) threshold *= GROWTH;
  };
}
