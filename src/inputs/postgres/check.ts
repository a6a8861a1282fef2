import { SluiceError } from "../../model/errors.ts";
import { connect } from "../../postgres/connect.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { isPooled } from "../../postgres/pooler.ts";
import { formatTable, parseTable } from "../../postgres/names.ts";
import { expandListed } from "./listed.ts";
import { sessionOf, type ResolvedOptions } from "./options.ts";

/** Oldest server that has all we call, as `server_version_num`. */
const OLDEST_SERVER = 130_000;

/**
 * Connects and looks whether the role may install the capture. Tables that do not exist are no fault: the input
 * waits for them.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function checkSource(options: ResolvedOptions): Promise<void> {
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
    const { tables } = await expandListed(client, options.tables.map(parseTable));
    for (const table of tables) {
      const granted = await client.query(
        `select has_table_privilege(c.oid, 'TRIGGER') as granted
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = $2`,
        [table.schema, table.table],
      );
      if (granted.rows[0]?.["granted"] !== false) continue;
      throw new SluiceError(
        "SQL_FAILED",
        `role ${role} may not put a trigger on ${formatTable(table)}: grant TRIGGER on it`,
      );
    }
  } finally {
    await client.end();
  }
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
