import { SluiceError } from "../../../model/errors.ts";
import { connect } from "../../../postgres/connect.ts";
import { refusePooler } from "../check.ts";
import { sessionOf, type ResolvedOptions } from "../options.ts";
import { describeSource, dropSlot, slotStatus, type SlotStatus } from "./slot.ts";

/** So much WAL kept for a slot that nobody reads is told of: bytes. */
const MUCH_KEPT = 256 * 1_024 * 1_024;

interface Owner {
  readonly name: string;
  readonly pipeline: string;
}

/**
 * Looks whether the server and the role allow it, and how its slot is, if it is known whose.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function checkSlot(
  options: ResolvedOptions,
  owner?: Owner,
  mostKept: number = MUCH_KEPT,
): Promise<void> {
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
    if (!found.creates)
      refuse(`role ${found.role} may not create a publication: grant CREATE on the database`);
    const subscription = options.subscription ?? (owner && `${owner.pipeline}/${owner.name}`);
    const slot =
      subscription === undefined ? options.slot : (await describeSource(client, options, subscription)).slot;
    const status = slot === undefined ? undefined : await slotStatus(client, slot);
    if (slot !== undefined && status !== undefined) refuseFailing(slot, status, mostKept);
    const hasSlot = slot === undefined ? await hasOwnSlot(client) : status !== undefined;
    if (found.free <= 0 && !hasSlot)
      refuse("no replication slot is free: raise max_replication_slots, or drop one that nobody uses");
    if (found.senders <= 0 && !hasSlot) refuse("no WAL sender is free: raise max_wal_senders");
  } finally {
    await client.end();
  }
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
