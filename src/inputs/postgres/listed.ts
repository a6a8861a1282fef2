import type { PgClient } from "../../postgres/driver.ts";
import { formatTable, type TableName } from "../../postgres/names.ts";

/** The tables that an input's list stands for at this moment. */
export interface Listed {
  /** Those listed by name, whether or not they are there; then those that globs have found. */
  readonly tables: readonly TableName[];
  /** Globs that no table fits (yet). */
  readonly unmatched: readonly string[];
}

/** Whether it is no name but a pattern: `*` stands for any part of the schema's or the table's name. */
export function isGlob({ schema, table }: TableName): boolean {
  return schema.includes("*") || table.includes("*");
}

/**
 * Fills in the globs of a list: tables that are there, no views, nothing of the server's own or of ours; partitions
 * come with their parents.
 */
export async function expandListed(client: PgClient, listed: readonly TableName[]): Promise<Listed> {
  const globs = listed.filter(isGlob);
  const names = listed.filter((table) => !isGlob(table));
  if (globs.length === 0) return { tables: distinct(names), unmatched: [] };
  const { rows } = await client.query(
    `select n.nspname, c.relname, p.position::int
     from unnest($1::text[], $2::text[]) with ordinality as p (schema, name, position)
     join pg_namespace n on n.nspname like p.schema
     join pg_class c on c.relnamespace = n.oid and c.relname like p.name
     where c.relkind in ('r', 'p') and c.relpersistence <> 't' and not c.relispartition
       and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'sluice')
     order by p.position, n.nspname, c.relname`,
    [globs.map(({ schema }) => likePattern(schema)), globs.map(({ table }) => likePattern(table))],
  );
  const matched = new Set(rows.map((row) => row["position"] as number));
  const found = rows.map((row) => ({ schema: row["nspname"] as string, table: row["relname"] as string }));
  return {
    tables: distinct([...names, ...found]),
    unmatched: globs.filter((_, index) => !matched.has(index + 1)).map(formatTable),
  };
}

/** A name or a glob as the pattern of SQL's `like` that stands for the same. */
export function likePattern(glob: string): string {
  return glob.replace(/[\\%_]/g, "\\$&").replaceAll("*", "%");
}

function distinct(tables: readonly TableName[]): TableName[] {
  return [...new Map(tables.map((table) => [JSON.stringify([table.schema, table.table]), table])).values()];
}
