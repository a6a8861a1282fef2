import type { PgClient } from "../../../postgres/driver.ts";
import { sqlState } from "../../../postgres/errors.ts";
import { formatTable, parseTable, quoteTable, type TableName } from "../../../postgres/names.ts";
import { inTransaction } from "../install.ts";
import { isGlob, likePattern } from "../listed.ts";
import type { Action } from "../subscription.ts";

/** How the listed tables stand, each as `schema.table`. */
export interface Published {
  readonly missing: readonly string[];
  /** Locked by others: to be tried again. */
  readonly locked: readonly string[];
  /** Publishing them would make the user's own updates and deletes fail. */
  readonly withoutIdentity: readonly string[];
  /** Have not the whole row as their replica identity. */
  readonly notFull: readonly string[];
}

interface Candidate extends TableName {
  readonly oid: string;
  readonly partitioned: boolean;
  readonly published: boolean;
  readonly listed: boolean;
  readonly identity: boolean;
  readonly full: boolean;
  readonly pattern: string | null;
}

/** Creates the publication if it is not there, tied to the journal by its comment. */
export async function createPublication(
  client: PgClient,
  name: string,
  journal: string,
  actions: readonly Action[],
  version: number,
): Promise<void> {
  const { rows } = await client.query("select 1 from pg_publication where pubname = $1", [name]);
  const publish = `publish = '${actions.join(", ")}'`;
  await inTransaction(client, async () => {
    if (rows.length > 0) await client.query(`alter publication ${name} set (${publish})`);
    else {
      const generated = version >= 180_000 ? ", publish_generated_columns = stored" : "";
      await client.query(
        `create publication ${name} with (${publish}, publish_via_partition_root = true${generated})`,
      );
    }
    await client.query(`comment on publication ${name} is 'sluice journal ${journal}'`);
  });
}

/** The journal to which the publication is tied. */
export async function publicationOwner(client: PgClient, name: string): Promise<string | undefined> {
  const { rows } = await client.query(
    "select obj_description(oid, 'pg_publication') as comment from pg_publication where pubname = $1",
    [name],
  );
  return /^sluice journal (.+)$/.exec((rows[0]?.["comment"] as string | null) ?? "")?.[1];
}

/** Publishes the tables of these names and globs, and no others. A table that was published already is not touched. */
export async function publishTables(
  client: PgClient,
  name: string,
  listed: readonly string[],
  actions: readonly Action[],
): Promise<Published> {
  const candidates = await findCandidates(client, name, listed);
  const needsIdentity = actions.includes("update") || actions.includes("delete");
  const locked: string[] = [];
  const wanted = candidates.filter((table) => table.listed);
  for (const table of candidates) {
    const isWanted = table.listed && (table.identity || !needsIdentity);
    if (isWanted === table.published) continue;
    const only = isWanted && !table.partitioned ? "only " : "";
    const change = `alter publication ${name} ${isWanted ? "add" : "drop"} table ${only}${quoteTable(table)}`;
    try {
      await inTransaction(client, async () => void (await client.query(change)));
    } catch (error) {
      if (sqlState(error) === "55P03") locked.push(formatTable(table));
      // Dropped since we looked.
      else if (sqlState(error) !== "42P01") throw error;
    }
  }
  return {
    missing: listed.filter((text) => !wanted.some((table) => table.pattern === text)),
    locked,
    withoutIdentity: needsIdentity ? formatAll(wanted.filter((table) => !table.identity)) : [],
    notFull: formatAll(wanted.filter((table) => !table.full)),
  };
}

async function findCandidates(
  client: PgClient,
  publication: string,
  listed: readonly string[],
): Promise<readonly Candidate[]> {
  const patterns = listed.map(parseTable);
  const { rows } = await client.query(
    `with listed as (
       select distinct on (c.oid) c.oid, p.text
       from unnest($2::text[], $3::text[], $4::text[], $5::boolean[]) as p (text, schema, name, is_name)
       join pg_namespace n on n.nspname like p.schema
       join pg_class c on c.relnamespace = n.oid and c.relname like p.name
       where c.relkind in ('r', 'p') and c.relpersistence = 'p'
         and n.nspname not in ('pg_catalog', 'information_schema', 'sluice')
         and (p.is_name or not c.relispartition)
       order by c.oid, p.is_name desc
     ), published as (
       select r.prrelid as oid from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where p.pubname = $1
     ), leaves as (
       select o.oid, o.relreplident = 'f' and l.relreplident = 'f' as is_full, l.relreplident = 'f' or exists (
           select 1 from pg_index i where i.indrelid = l.oid
             and case l.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
         ) as has_identity
       from (select oid from listed union select oid from published) known
       join pg_class o on o.oid = known.oid
       join pg_class l on l.oid = o.oid
         or l.oid in (select relid from pg_partition_tree(o.oid) where isleaf)
       where l.relkind = 'r'
     )
     select c.oid::text, n.nspname as schema, c.relname as table, c.relkind = 'p' as partitioned, l.text as pattern,
       p.oid is not null as published, l.oid is not null as listed,
       coalesce((select bool_and(has_identity) from leaves where oid = c.oid), true) as identity,
       coalesce((select bool_and(is_full) from leaves where oid = c.oid), true) as full
     from listed l full join published p on p.oid = l.oid
     join pg_class c on c.oid = coalesce(l.oid, p.oid) join pg_namespace n on n.oid = c.relnamespace
     order by n.nspname, c.relname`,
    [
      publication,
      listed,
      patterns.map(({ schema }) => likePattern(schema)),
      patterns.map(({ table }) => likePattern(table)),
      patterns.map((pattern) => !isGlob(pattern)),
    ],
  );
  return rows as unknown as Candidate[];
}

function formatAll(tables: readonly Candidate[]): string[] {
  return tables.map(formatTable);
}
