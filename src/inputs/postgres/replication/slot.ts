import { createHash } from "node:crypto";
import { sleep } from "../../../model/clock.ts";
import { EPHEMERAL_JOURNAL, type InputContext, type InputLag } from "../../../model/component.ts";
import { PermanentError, SluiceError } from "../../../model/errors.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import type { ResolvedOptions } from "../options.ts";
import { subscriptionOf } from "../subscription.ts";
import { publicationOwner } from "./publication.ts";
import { parsePosition } from "./stream.ts";

/** Where this input reads from. */
export interface Source {
  readonly subscription: string;
  readonly publication: string;
  readonly slot: string;
  readonly system: string;
  readonly database: string;
  /** As `server_version_num`. */
  readonly version: number;
}

/** What the journal remembers of the slot: it is never behind what the slot was told. */
export interface SlotRecord {
  readonly system: string;
  readonly database: string;
  readonly slot: string;
  readonly confirmed: string;
  /** Set while the initial snapshot is being read. */
  readonly snapshot?: "pending";
}

export const STATE_KEY = "replication";
/** How often, and with which pause in milliseconds, it is looked whether a slot is free again. */
const RELEASE_TRIES = 20;
const RELEASE_PAUSE = 100;

export async function describeSource(
  client: PgClient,
  options: ResolvedOptions,
  subscription: string,
): Promise<Source> {
  const { rows } = await client.query(
    `select (select system_identifier::text from pg_control_system()) as system,
       current_database()::text as database, current_setting('server_version_num')::int as version`,
  );
  const { system, database, version } = rows[0] as { system: string; database: string; version: number };
  // Slots belong to the whole server, subscriptions to a database.
  const hash = createHash("sha256").update(`${database}\0${subscription}`).digest("hex").slice(0, 16);
  return {
    subscription,
    publication: subscriptionOf(subscription).channel,
    slot: options.slot ?? `sluice_${hash}`,
    system,
    database,
    version,
  };
}

export interface SlotStatus {
  readonly plugin: string;
  readonly database: string;
  readonly active: boolean;
  /** Since when nobody reads it, as the server writes it: PostgreSQL 17 or later. */
  readonly inactiveSince: string | null;
  readonly status: string | null;
  readonly confirmed: string;
  /** Where the server's WAL ends. */
  readonly head: string;
  /** Bytes of WAL that the server keeps for it, and that we have not confirmed. */
  readonly kept: number;
  readonly behind: number;
}

export async function slotStatus(client: PgClient, slot: string): Promise<SlotStatus | undefined> {
  const { rows } = await client.query(
    `select plugin::text, database::text, active, to_jsonb(s) ->> 'inactive_since' as "inactiveSince", wal_status as status, confirmed_flush_lsn::text as confirmed,
       pg_current_wal_lsn()::text as head, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8 as kept,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::float8 as behind
     from pg_replication_slots s where slot_name = $1`,
    [slot],
  );
  return rows[0] as unknown as SlotStatus | undefined;
}

/** How far the slot is behind, and what the server keeps for it. */
export function lagOf({ behind, kept }: SlotStatus): InputLag {
  return { bytes: Math.max(0, behind), retained: Math.max(0, kept) };
}

/**
 * Holds the slot against what the journal remembers of it.
 *
 * @returns up to where the journal has everything; `undefined` if the slot has to be created
 * @throws PermanentError SQL_FAILED if changes were lost behind our back; SluiceError SUBSCRIPTION_OWNED
 */
export async function examineSlot(
  context: InputContext,
  client: PgClient,
  options: ResolvedOptions,
  source: Source,
  record: SlotRecord | undefined,
): Promise<string | undefined> {
  const status = await slotStatus(client, source.slot);
  const owner = await publicationOwner(client, source.publication);
  const isOurs = owner === undefined || owner === context.journalId || owner === EPHEMERAL_JOURNAL;
  if (!isOurs && !options.takeover) {
    throw new SluiceError(
      "SUBSCRIPTION_OWNED",
      `subscription "${source.subscription}" belongs to journal ${owner}, not to this one (${context.journalId}); give this input a subscription of its own, or, if that journal is gone for good, set takeover = true`,
    );
  }
  if (status !== undefined && (status.plugin !== "pgoutput" || status.database !== source.database)) {
    throw new SluiceError(
      "SUBSCRIPTION_OWNED",
      `the slot ${source.slot} is another's: it has plug-in ${status.plugin} in database ${status.database}; set slot to a name that is free`,
    );
  }
  if (record?.snapshot === "pending") {
    await untilReleased(context, client, source.slot);
    if (status !== undefined) await dropSlot(client, source.slot);
    return undefined;
  }
  const loss = lossOf(source, status, record);
  if (loss === undefined) return status && reachedAt(context, source, status, record);
  if (options.onLostSlot !== "recreate") {
    throw lostSlot(context, loss);
  }
  context.log.warn(
    { input: context.name, slot: source.slot },
    `${loss}; it is made anew, and changes in between are missed: see sluice audit ${context.name}`,
  );
  if (status !== undefined) await dropSlot(client, source.slot);
  return undefined;
}

/**
 * A standby that was promoted without the last changes writes others in their place. To confirm a position that it has
 * not reached would make it pass those over, so what counts then is where its slot stands.
 */
function reachedAt(
  { log, name }: InputContext,
  { slot }: Source,
  { confirmed, head }: SlotStatus,
  record: SlotRecord | undefined,
): string {
  if (record === undefined) return "0/0";
  if (parsePosition(record.confirmed) <= parsePosition(head)) return record.confirmed;
  log.warn(
    { input: name, slot },
    `the server stands at ${head}, before ${record.confirmed}, up to where the journal has its changes: it was promoted or restored without the last ones; they stay in the journal, and it is read from ${confirmed} on`,
  );
  return confirmed;
}

/** What is thrown once changes can no longer be had. */
export function lostSlot({ name }: Pick<InputContext, "name">, loss: string): PermanentError {
  return new PermanentError(
    `${loss}; changes since then cannot be read any more. Set on_lost_slot = "recreate" to go on from now, then find what was missed: sluice audit ${name} --repair`,
    { code: "SQL_FAILED" },
  );
}

function lossOf(
  source: Source,
  status: SlotStatus | undefined,
  record: SlotRecord | undefined,
): string | undefined {
  const name = `the replication slot ${source.slot}`;
  if (status?.status === "lost")
    return `${name} is lost: the server has removed WAL that it needed (max_slot_wal_keep_size)`;
  if (record === undefined) return undefined;
  if (record.system !== source.system || record.database !== source.database)
    return `${name} was on another server (system ${record.system}, database ${record.database})`;
  if (record.slot !== source.slot) return `the slot was ${record.slot} before, and is ${source.slot} now`;
  if (status === undefined)
    return `${name} is gone: somebody dropped it, or the server failed over without it`;
  if (parsePosition(status.confirmed) > parsePosition(record.confirmed))
    return `${name} was made anew or moved on by somebody else: it stands at ${status.confirmed}, and the journal has changes up to ${record.confirmed}`;
  return undefined;
}

/** Creates it where the server stands now. @returns where that is */
export async function createSlot(client: PgClient, { slot, version }: Source): Promise<string> {
  // From PostgreSQL 17 on it may be kept in step on a standby: it then survives a failover.
  const failover = version >= 170_000 ? ", false, false, true" : "";
  const { rows } = await client.query(
    `select lsn::text from pg_create_logical_replication_slot($1, 'pgoutput'${failover})`,
    [slot],
  );
  return rows[0]?.["lsn"] as string;
}

/** Waits a little for the walsender of our last session, if it has not noticed yet that we are gone. */
export async function untilReleased(
  { clock, signal }: InputContext,
  client: PgClient,
  slot: string,
): Promise<void> {
  for (let tries = 0; tries < RELEASE_TRIES && !signal.aborted; tries += 1) {
    if ((await slotStatus(client, slot))?.active !== true) return;
    await sleep(clock, RELEASE_PAUSE, signal);
  }
}

export async function dropSlot(client: PgClient, slot: string): Promise<void> {
  await client.query(
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1",
    [slot],
  );
}
