import { SluiceError } from "../../../model/errors.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import {
  formatTable,
  parseTable,
  quoteIdentifier,
  quoteTable,
  type TableName,
} from "../../../postgres/names.ts";
import { expandListed } from "../listed.ts";
import { KEY_INDEX, readShapes, type Shape } from "../shapes.ts";

/** A table that is surveyed, in the order of its key. */
export interface SurveyedTable extends TableName {
  readonly location: string;
  readonly shape: Shape;
  readonly key: readonly KeyColumn[];
  /** Rows, as the server's statistics have it; `null` if they say nothing. */
  readonly estimate: number | null;
}

interface KeyColumn {
  readonly name: string;
  /** As SQL writes it. */
  readonly type: string;
}

/**
 * The input's tables that are there, or the one that was asked for.
 *
 * @throws SluiceError INVALID_OPTIONS for one that is none of the input's, is not there, or has no key
 */
export async function findTables(
  client: PgClient,
  listed: readonly string[],
  asked: string | undefined,
): Promise<readonly SurveyedTable[]> {
  const names = (await existing(client, listed)).filter(
    (table) => asked === undefined || formatTable(table) === formatTable(parseTable(asked)),
  );
  if (names.length === 0) {
    const which = asked === undefined ? "none of its tables exists" : `it has no table ${asked} that exists`;
    throw new SluiceError(
      "INVALID_OPTIONS",
      `nothing to read: ${which}; its tables are ${listed.join(", ")}`,
    );
  }
  const tables: SurveyedTable[] = [];
  for (const name of names) tables.push(await describe(client, name));
  return tables;
}

/** Those of the list that are there; partitions are read through their parents. */
async function existing(client: PgClient, listed: readonly string[]): Promise<readonly TableName[]> {
  const { tables } = await expandListed(client, listed.map(parseTable));
  const { rows } = await client.query(
    `select distinct l.position::int from unnest($1::text[], $2::text[]) with ordinality as l (schema, name, position)
     join pg_namespace n on n.nspname = l.schema
     join pg_class c on c.relnamespace = n.oid and c.relname = l.name
     where c.relkind in ('r', 'p') order by 1`,
    [tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
  );
  return rows.map((row) => tables[(row["position"] as number) - 1] as TableName);
}

async function describe(client: PgClient, name: TableName): Promise<SurveyedTable> {
  const { rows } = await client.query(
    `select c.oid::text as oid,
       array(select format_type(a.atttypid, a.atttypmod) from pg_index i
         cross join unnest(i.indkey::int2[]) with ordinality as k (number, place)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
         where i.indexrelid = ${KEY_INDEX} and k.place <= i.indnkeyatts order by k.place) as types,
       (select sum(p.reltuples) from pg_class p
         where p.oid = c.oid or p.oid in (select relid from pg_partition_tree(c.oid) where isleaf)
       )::float8 as estimate
     from pg_class c where c.oid = $1::regclass`,
    [quoteTable(name)],
  );
  const { oid, types, estimate } = rows[0] as { oid: string; types: string[]; estimate: number | null };
  const shape = (await readShapes(client, [oid])).get(oid) as Shape;
  const location = formatTable(name);
  if (shape.key.length === 0) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `${location} has no primary key, and no unique index over columns that are not null, and so no order in which it could be read piece by piece; add one`,
    );
  }
  return {
    ...name,
    location,
    shape,
    key: shape.key.map((column, index) => ({ name: column, type: types[index] as string })),
    estimate: estimate === null || estimate < 0 ? null : Math.round(estimate),
  };
}

/** Its columns of the key, quoted, of the row `t`. */
export function keyColumns({ key }: SurveyedTable): readonly string[] {
  return key.map(({ name }) => `t.${quoteIdentifier(name)}`);
}

/** A row value of the key with parameters from number `first` on, each in the key's own type. */
export function keyParameters({ key }: SurveyedTable, first: number): string {
  return `(${key.map(({ type }, index) => `$${first + index}::text::${type}`).join(", ")})`;
}

/** The condition that was asked for, within parentheses of its own lines: a comment in it ends with it. */
export function condition(where: string | undefined): string {
  return where === undefined ? "true" : `(\n${where}\n)`;
}
