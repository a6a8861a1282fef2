import { SluiceError } from "../../model/errors.ts";
import type { CheckReport } from "../../model/kind.ts";
import { connect } from "../../postgres/connect.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { isPooled } from "../../postgres/pooler.ts";
import { formatTable, quoteIdentifier, quoteTable } from "../../postgres/names.ts";
import { sessionOf, type ResolvedOptions } from "./options.ts";
import { readRights, unreadable } from "./rights.ts";
import { readWaiting } from "./size.ts";
import { subscriptionOf } from "./subscription.ts";

/** So much that waits in an outbox that nobody reads is warned of: bytes. */
const MUCH_UNREAD = 64 * 1_024 * 1_024;

/** Oldest server that has all we call, as `server_version_num`. */
const OLDEST_SERVER = 130_000;

/**
 * Connects and looks whether the role may install the capture, and what waits in the outbox, if it is known whose.
 * Tables that do not exist are no fault: the input waits for them.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function checkSource(
  options: ResolvedOptions,
  owner?: { readonly name: string; readonly pipeline: string },
  mostUnread: number = MUCH_UNREAD,
): Promise<CheckReport> {
  const client = await connect({ ...sessionOf(options), applicationName: "sluice check" });
  try {
    await refusePooler(client, options);
    const { rows } = await client.query(
      `select current_setting('server_version_num')::int as version, current_user::text as role,
         case when to_regnamespace('sluice') is null then has_database_privilege(current_database(), 'CREATE')
           else has_schema_privilege('sluice', 'USAGE') end as may_install`,
    );
    const {
      version,
      role,
      may_install: mayInstall,
    } = rows[0] as {
      version: number;
      role: string;
      may_install: boolean;
    };
    if (version < OLDEST_SERVER) {
      throw new SluiceError(
        "SQL_FAILED",
        `the server is older than PostgreSQL 13 (server_version_num ${version})`,
      );
    }
    if (!mayInstall) {
      throw new SluiceError(
        "SQL_FAILED",
        `role ${role} may not use or create the schema sluice: grant CREATE on the database`,
      );
    }
    const tables = await readRights(client, options.tables, null);
    const untriggered = tables.filter(({ triggers }) => !triggers);
    if (untriggered.length > 0) {
      const names = untriggered.map(quoteTable).join(", ");
      throw new SluiceError(
        "SQL_FAILED",
        `role ${role} may not put a trigger on ${untriggered.map(formatTable).join(", ")}: GRANT TRIGGER ON ${names} TO ${quoteIdentifier(role)}`,
      );
    }
    const subscription = options.subscription ?? (owner && `${owner.pipeline}/${owner.name}`);
    const waiting = subscription === undefined ? {} : await checkOutbox(client, subscription, mostUnread);
    return { ...waiting, notes: [...(waiting.notes ?? []), ...unreadable(tables)] };
  } finally {
    await client.end();
  }
}

/**
 * What waits there, whether or not somebody reads it; nothing is said of one that is not there yet, was made by an
 * earlier version, or cannot be read.
 */
async function checkOutbox(client: PgClient, name: string, most: number): Promise<CheckReport> {
  const subscription = subscriptionOf(name);
  const { rows } = await client.query(
    `select coalesce(has_table_privilege(to_regclass($1), 'SELECT'), false)
         and exists (select 1 from pg_attribute where attrelid = to_regclass($1) and attname = 'at') as readable,
       exists (select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
         and classid = $2::int::oid and objid::bigint = $3::bigint and objsubid = 2 and granted) as is_read`,
    [subscription.outbox, subscription.readerLock[0], subscription.readerLock[1] >>> 0],
  );
  if (rows[0]?.["readable"] !== true) return {};
  const { lag, isEmpty, bytes } = await readWaiting(client, subscription);
  if (isEmpty || bytes < most || rows[0]?.["is_read"] === true) return { lag };
  const message = `the outbox of subscription "${name}" holds ${Math.round(bytes / 1_048_576)} MiB, and nobody reads it`;
  return { lag, notes: [{ message, cure: "run its pipeline, or remove it by sluice uninstall" }] };
}

/** A pooler hands one session's statements to many: locks, LISTEN and replication do not survive it. */
export async function refusePooler(client: PgClient, options: ResolvedOptions): Promise<void> {
  if (!(await isPooled(client))) return;
  const which = options.direct === undefined ? "connection_string" : "direct";
  throw new SluiceError(
    "SQL_FAILED",
    `${which} goes through a pooler (PgBouncer or the like), but an input needs a session of its own; set direct to an address of the server itself`,
  );
}
