import { SluiceError } from "../../../model/errors.ts";
import type { CheckReport } from "../../../model/kind.ts";
import { connect } from "../../../postgres/connect.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { formatTable, quoteIdentifier } from "../../../postgres/names.ts";
import { refusePooler } from "../check.ts";
import { sessionOf, type ResolvedOptions } from "../options.ts";
import { grantSelect, readRights, unreadable, type TableRights } from "../rights.ts";
import { describeSource, dropSlot, lagOf, slotStatus, type SlotStatus } from "./slot.ts";

/** So much WAL kept for a slot that nobody reads is told of: bytes. */
const MUCH_KEPT = 256 * 1_024 * 1_024;

interface Owner {
  readonly name: string;
  readonly pipeline: string;
}

/**
 * Looks whether the server and the role allow it, on each of its tables too, and how its slot is, if it is known whose.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function checkSlot(
  options: ResolvedOptions,
  owner?: Owner,
  mostKept: number = MUCH_KEPT,
): Promise<CheckReport> {
  const client = await connect({ ...sessionOf(options), applicationName: "sluice check" });
  try {
    await refusePooler(client, options);
    const { rows } = await client.query(
      `select current_setting('wal_level') as level, current_user::text as role,
         (select rolreplication or rolsuper from pg_roles where rolname = current_user) as replicates,
         current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots)::int as free,
         current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication)::int as senders,
         has_database_privilege(current_database(), 'CREATE') as creates`,
    );
    const found = rows[0] as {
      level: string;
      role: string;
      replicates: boolean;
      free: number;
      senders: number;
      creates: boolean;
    };
    if (found.level !== "logical")
      refuse(
        `wal_level is ${found.level}: set wal_level = logical and restart the server, or use mode = "outbox"`,
      );
    if (!found.replicates)
      refuse(`role ${found.role} may not replicate: ALTER ROLE ${found.role} REPLICATION`);
    const subscription = options.subscription ?? (owner && `${owner.pipeline}/${owner.name}`);
    const source =
      subscription === undefined ? undefined : await describeSource(client, options, subscription);
    const tables = await readRights(client, options.tables, source?.publication ?? null);
    await refuseUnpublishable(client, found, source?.publication ?? null, tables);
    if (options.snapshot === "initial") refuseUnreadable(tables);
    const slot = source?.slot ?? options.slot;
    const status = slot === undefined ? undefined : await slotStatus(client, slot);
    if (slot !== undefined && status !== undefined) refuseFailing(slot, status, mostKept);
    const hasSlot = slot === undefined ? await hasOwnSlot(client) : status !== undefined;
    if (found.free <= 0 && !hasSlot)
      refuse("no replication slot is free: raise max_replication_slots, or drop one that nobody uses");
    if (found.senders <= 0 && !hasSlot) refuse("no WAL sender is free: raise max_wal_senders");
    return { ...(status !== undefined && { lag: lagOf(status) }), notes: unreadable(tables) };
  } finally {
    await client.end();
  }
}

/** Who publishes a table must own it, and who changes a publication must own that. */
async function refuseUnpublishable(
  client: PgClient,
  { role, creates }: { readonly role: string; readonly creates: boolean },
  publication: string | null,
  tables: readonly TableRights[],
): Promise<void> {
  const { rows } = await client.query(
    `select pg_get_userbyid(pubowner)::text as owner, pg_has_role(pubowner, 'USAGE') as owns
     from pg_publication where pubname = $1`,
    [publication],
  );
  const to = quoteIdentifier(role);
  const [made] = rows as unknown as readonly { readonly owner: string; readonly owns: boolean }[];
  if (made === undefined && !creates)
    refuse(`role ${role} may not create a publication: grant CREATE on the database`);
  if (made?.owns === false)
    refuse(
      `the publication ${publication} is that of role ${made.owner}, and ${role} may not change it: ALTER PUBLICATION ${publication} OWNER TO ${to}, or GRANT ${quoteIdentifier(made.owner)} TO ${to}`,
    );
  const foreign = tables.filter(({ owns, published }) => !owns && !published);
  if (foreign.length === 0) return;
  const owners = [...new Set(foreign.map(({ owner }) => quoteIdentifier(owner)))].join(", ");
  refuse(
    `role ${role} may not publish ${foreign.map(formatTable).join(", ")}, which only their owners may: GRANT ${owners} TO ${to}`,
  );
}

function refuseUnreadable(tables: readonly TableRights[]): void {
  const unread = tables.filter(({ selects }) => !selects);
  if (unread.length === 0) return;
  const names = unread.map(formatTable).join(", ");
  refuse(
    `role ${unread[0]?.role} may not read ${names}, as snapshot = "initial" must: ${unread.map(grantSelect).join("; ")}`,
  );
}

function refuseFailing(
  slot: string,
  { status, active, kept, inactiveSince }: SlotStatus,
  most: number,
): void {
  if (status === "lost" || status === "unreserved") {
    refuse(
      `the server ${status === "lost" ? "has removed" : "may remove"} WAL that ${slot} needs: raise max_slot_wal_keep_size${status === "lost" ? ', and see on_lost_slot = "recreate"' : ""}`,
    );
  }
  if (active || kept < most) return;
  const since = inactiveSince === null ? "" : ` since ${inactiveSince}`;
  refuse(
    `the slot ${slot} makes the server keep ${Math.round(kept / 1_048_576)} MiB of WAL, and nobody reads it${since}: run its pipeline, or drop it with sluice uninstall before the disk is full`,
  );
}

async function hasOwnSlot(client: Awaited<ReturnType<typeof connect>>): Promise<boolean> {
  const { rows } = await client.query(
    "select 1 from pg_replication_slots where database = current_database() and slot_name like 'sluice\\_%'",
  );
  return rows.length > 0;
}

/** Drops the slot and the publication. @throws SluiceError SUBSCRIPTION_OWNED while they are being read */
export async function uninstallSlot(options: ResolvedOptions, owner: Owner): Promise<void> {
  const subscription = options.subscription ?? `${owner.pipeline}/${owner.name}`;
  const client = await connect({ ...sessionOf(options), applicationName: "sluice uninstall" });
  try {
    const source = await describeSource(client, options, subscription);
    const status = await slotStatus(client, source.slot);
    if (status?.active === true) {
      throw new SluiceError(
        "SUBSCRIPTION_OWNED",
        `the slot ${source.slot} is being read; stop its pipeline, or remove the input, before uninstalling it`,
      );
    }
    if (status !== undefined) await dropSlot(client, source.slot);
    await client.query(`drop publication if exists ${source.publication}`);
  } finally {
    await client.end();
  }
}

function refuse(what: string): never {
  throw new SluiceError("SQL_FAILED", what);
}
