import type { CheckNote } from "../../model/kind.ts";
import type { PgClient } from "../../postgres/driver.ts";
import {
  formatTable,
  parseTable,
  quoteIdentifier,
  quoteTable,
  type TableName,
} from "../../postgres/names.ts";
import { expandListed } from "./listed.ts";

/** What the role that asks may do with a table that is there. */
export interface TableRights extends TableName {
  readonly role: string;
  readonly owner: string;
  readonly triggers: boolean;
  /** All of its columns, so that whole rows can be read. */
  readonly selects: boolean;
  /** Is the owner, or a member of it: only owners publish. */
  readonly owns: boolean;
  readonly published: boolean;
  /** Policies decide which rows it sees. */
  readonly filtered: boolean;
}

/** Of the listed tables, those that are there. A table that is not is no fault: the input waits for it. */
export async function readRights(
  client: PgClient,
  listed: readonly string[],
  publication: string | null,
): Promise<readonly TableRights[]> {
  const { tables } = await expandListed(client, listed.map(parseTable));
  const { rows } = await client.query(
    `select n.nspname as schema, c.relname as table, current_user::text as role, pg_get_userbyid(c.relowner)::text as owner,
       has_table_privilege(c.oid, 'TRIGGER') as triggers,
       has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as selects,
       pg_has_role(c.relowner, 'USAGE') as owns, row_security_active(c.oid) as filtered,
       exists (select 1 from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
         where r.prrelid = c.oid and p.pubname = $3) as published
     from unnest($1::text[], $2::text[]) with ordinality as l (schema, name, position)
     join pg_namespace n on n.nspname = l.schema
     join pg_class c on c.relnamespace = n.oid and c.relname = l.name
     where c.relkind in ('r', 'p') order by l.position`,
    [tables.map(({ schema }) => schema), tables.map(({ table }) => table), publication],
  );
  return rows as unknown as readonly TableRights[];
}

/** Of tables that cannot be read: only what reads their rows needs that. */
export function unreadable(tables: readonly TableRights[]): readonly CheckNote[] {
  return tables.flatMap((table) => {
    const name = formatTable(table);
    if (!table.selects)
      return [{ message: `backfill and audit of ${name} need the right to read it: ${grantSelect(table)}` }];
    if (!table.filtered) return [];
    const message = `backfill and audit of ${name} see only the rows that its policies show to role ${table.role}: let a role with BYPASSRLS do them if that is not meant`;
    return [{ message }];
  });
}

/** With the schema's, for those who lack that. */
export function grantSelect({ role, ...table }: TableRights): string {
  const to = quoteIdentifier(role);
  return `GRANT USAGE ON SCHEMA ${quoteIdentifier(table.schema)} TO ${to}; GRANT SELECT ON ${quoteTable(table)} TO ${to}`;
}
