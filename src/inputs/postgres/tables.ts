import { SluiceError } from "../../model/errors.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { describeError, sqlState } from "../../postgres/errors.ts";
import { formatTable, quoteTable, type TableName } from "../../postgres/names.ts";
import { createTrigger, dropTrigger } from "./capture.ts";
import { inTransaction } from "./install.ts";
import { ACTIONS, triggerName, type Action, type Subscription } from "./subscription.ts";

/** How the listed tables stand, each as `schema.table`. */
export interface Coverage {
  /** Not there (yet). */
  readonly missing: readonly string[];
  /** Locked by others for longer than we want to hold up writers: to be tried again. */
  readonly locked: readonly string[];
  /** Has one of our triggers disabled, or is a foreign table: changes go by unseen. */
  readonly blind: readonly string[];
  /** Those, and their partitions, that have our triggers now. */
  readonly covered: readonly string[];
  /** Of those: have them only since this call. */
  readonly installed: readonly string[];
}

interface Relation extends TableName {
  readonly oid: string;
  readonly kind: string;
  /** The table as listed, of which this is a partition or the table itself. */
  readonly location: string;
}

interface Installed extends TableName {
  readonly relation: string;
  readonly trigger: string;
  readonly location: string;
  readonly enabled: boolean;
}

/** Kinds of relations, by `pg_class.relkind`, that people may list by mistake. */
const KINDS: Readonly<Record<string, string>> = {
  v: "a view",
  m: "a materialized view",
  f: "a foreign table",
  i: "an index",
  I: "an index",
  S: "a sequence",
  c: "a composite type",
};

/**
 * Puts triggers on the listed tables and on all their partitions (a parent's statement trigger does not see rows
 * written straight into a partition), and takes them off what is no longer listed. Touches, and so locks, only
 * tables where something is to be done.
 *
 * @throws SluiceError INVALID_OPTIONS if something listed is no table; SQL_FAILED if rights are missing.
 */
export async function coverTables(
  client: PgClient,
  subscription: Subscription,
  tables: readonly TableName[],
  actions: readonly Action[],
): Promise<Coverage> {
  const relations = await findRelations(client, tables);
  const installed = await findTriggers(client, subscription);
  const locked = new Set<string>();
  const blind = new Set<string>();
  const covered: string[] = [];
  const newly: string[] = [];

  for (const relation of relations) {
    if (relation.kind === "f") {
      blind.add(formatTable(relation));
      continue;
    }
    const own = installed.filter((trigger) => trigger.relation === relation.oid);
    if (own.some((trigger) => !trigger.enabled)) blind.add(formatTable(relation));
    const changes = changesOf(subscription, relation, own, actions);
    if (await change(client, relation, changes)) {
      covered.push(formatTable(relation));
      if (changes.length > 0) newly.push(formatTable(relation));
    } else {
      locked.add(formatTable(relation));
    }
  }
  const listed = new Set(relations.map((relation) => relation.oid));
  for (const trigger of installed) {
    if (listed.has(trigger.relation)) continue;
    const action = ACTIONS.find((one) => triggerName(subscription, one) === trigger.trigger) as Action;
    const done = await change(client, trigger, [dropTrigger(subscription, action, trigger)]);
    if (!done) locked.add(formatTable(trigger));
  }
  const found = new Set(relations.map((relation) => relation.location));
  return {
    missing: tables.map(formatTable).filter((location) => !found.has(location)),
    locked: [...locked],
    blind: [...blind],
    covered,
    installed: newly,
  };
}

/** Takes all triggers of the subscription off all tables. @throws SluiceError SQL_FAILED if a table is locked. */
export async function uncoverTables(client: PgClient, subscription: Subscription): Promise<void> {
  const { locked } = await coverTables(client, subscription, [], []);
  if (locked.length === 0) return;
  throw new SluiceError(
    "SQL_FAILED",
    `cannot remove the triggers of ${locked.join(", ")}: locked by another transaction; try again when it has ended`,
  );
}

function changesOf(
  subscription: Subscription,
  relation: Relation,
  installed: readonly Installed[],
  actions: readonly Action[],
): string[] {
  return ACTIONS.flatMap((action) => {
    const there = installed.find((trigger) => trigger.trigger === triggerName(subscription, action));
    const wanted = actions.includes(action);
    if (wanted && there?.location === relation.location) return [];
    return [
      ...(there === undefined ? [] : [dropTrigger(subscription, action, relation)]),
      ...(wanted ? [createTrigger(subscription, action, relation, relation.location)] : []),
    ];
  });
}

/** @returns `false` if the table was locked. One that has just been dropped needs no change. */
async function change(client: PgClient, table: TableName, statements: readonly string[]): Promise<boolean> {
  if (statements.length === 0) return true;
  try {
    await inTransaction(client, async () => {
      for (const statement of statements) await client.query(statement);
    });
    return true;
  } catch (error) {
    const state = sqlState(error);
    if (state === "55P03" || state === "40P01") return false;
    if (state === "42P01") return true;
    if (state === "42501") {
      throw new SluiceError(
        "SQL_FAILED",
        `cannot change the triggers of ${formatTable(table)}: ${describeError(error)}; grant TRIGGER on ${quoteTable(table)} (only its owner can remove one)`,
      );
    }
    throw error;
  }
}

/** The listed tables that are there, with their partitions and heirs, but for those that are listed themselves. */
async function findRelations(client: PgClient, tables: readonly TableName[]): Promise<Relation[]> {
  const { rows } = await client.query(
    `with recursive listed as (
       select l.position, c.oid
       from unnest($1::text[], $2::text[]) with ordinality as l (schema, name, position)
       join pg_namespace n on n.nspname = l.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = l.name
     ), covered as (
       select position, oid from listed
       union
       select covered.position, i.inhrelid
       from covered join pg_inherits i on i.inhparent = covered.oid
       where i.inhrelid not in (select oid from listed)
     )
     select distinct on (c.oid) v.position::int, c.oid::text, n.nspname, c.relname, c.relkind::text
     from covered v join pg_class c on c.oid = v.oid join pg_namespace n on n.oid = c.relnamespace
     order by c.oid, v.position`,
    [tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
  );
  return rows.map((row) => {
    const listed = tables[(row["position"] as number) - 1] as TableName;
    const relation = {
      oid: row["oid"] as string,
      schema: row["nspname"] as string,
      table: row["relname"] as string,
      kind: row["relkind"] as string,
      location: formatTable(listed),
    };
    const isListed = formatTable(relation) === relation.location;
    const kind = KINDS[relation.kind];
    if (isListed && kind !== undefined) {
      throw new SluiceError(
        "INVALID_OPTIONS",
        `${relation.location} is ${kind}; only tables can be captured`,
      );
    }
    return relation;
  });
}

async function findTriggers(client: PgClient, subscription: Subscription): Promise<Installed[]> {
  const { rows } = await client.query(
    `select t.tgrelid::text, t.tgname, t.tgenabled <> 'D' as enabled, n.nspname, c.relname,
       convert_from(substring(t.tgargs from 1 for greatest(octet_length(t.tgargs) - 1, 0)), getdatabaseencoding()) as location
     from pg_trigger t
     join pg_class c on c.oid = t.tgrelid
     join pg_namespace n on n.oid = c.relnamespace
     join pg_proc p on p.oid = t.tgfoid and p.pronamespace = 'sluice'::regnamespace
     where t.tgname = any($1) and not t.tgisinternal`,
    [ACTIONS.map((action) => triggerName(subscription, action))],
  );
  return rows.map((row) => ({
    relation: row["tgrelid"] as string,
    trigger: row["tgname"] as string,
    enabled: row["enabled"] as boolean,
    schema: row["nspname"] as string,
    table: row["relname"] as string,
    location: row["location"] as string,
  }));
}
