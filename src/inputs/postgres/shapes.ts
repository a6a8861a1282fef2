import type { Clock } from "../../model/clock.ts";
import type { PgClient } from "../../postgres/driver.ts";

/** What the reader needs to know of a relation to read its rows. */
export interface Shape {
  /** Columns by which a record is known, in the order of {@link KEY_INDEX}; none without such an index. */
  readonly key: readonly string[];
  /** Columns of type bigint or numeric, of domains over them, or of arrays of them. */
  readonly exact: readonly string[];
  /**
   * Columns that are computed when they are read (`generated always as (…) virtual`): the rows that triggers see hold
   * a null there, which is not their value.
   */
  readonly virtual?: readonly string[];
  /** `schema.table`; `null` once it has been dropped. */
  readonly name: string | null;
}

/**
 * The index whose columns make up a record's id, of the relation `c`: the one that the table's owner has chosen as its
 * replica identity, for then the WAL has of an old row no other; else the primary key; else the oldest unique one over
 * columns that are never null.
 */
export const KEY_INDEX = `(select i.indexrelid from pg_index i
  where i.indrelid = c.oid and i.indisunique and i.indisvalid and (i.indisprimary or (
    i.indimmediate and i.indpred is null and i.indexprs is null and not exists (
      select 1 from unnest(i.indkey::int2[]) with ordinality as k (number, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
      where k.place <= i.indnkeyatts and not a.attnotnull)))
  order by i.indisreplident and c.relreplident = 'i' desc, i.indisprimary desc, i.indexrelid limit 1)`;

/** How long a shape is believed, in milliseconds: tables are altered while we read. */
const BELIEVED = 1_000;
const UNKNOWN: Shape = { key: [], exact: [], name: null };

export interface Shapes {
  /** The shapes of these relations (by oid), asked for anew when they are old. A dropped one keeps its last. */
  of(relations: ReadonlySet<string>): Promise<(relation: string) => Shape>;
}

export function createShapes(client: PgClient, clock: Clock): Shapes {
  const known = new Map<string, Shape>();
  let asked = Number.NEGATIVE_INFINITY;
  return {
    async of(relations) {
      const now = clock.monotonic();
      const isFresh = now - asked < BELIEVED && [...relations].every((relation) => known.has(relation));
      if (!isFresh) {
        for (const [relation, shape] of await readShapes(client, [...relations])) known.set(relation, shape);
        asked = now;
      }
      return (relation) => known.get(relation) ?? UNKNOWN;
    },
  };
}

/** The shapes of those of these relations (by oid) that are there. */
export async function readShapes(
  client: PgClient,
  relations: readonly string[],
): Promise<Map<string, Shape>> {
  const { rows } = await client.query(
    `with recursive columns as (
       select a.attrelid, a.attname, t.oid as type, t.typbasetype, t.typelem
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
       union all
       select c.attrelid, c.attname, t.oid, t.typbasetype, t.typelem
       from columns c join pg_type t on t.oid = c.typbasetype
     )
     select c.oid::text as relation, n.nspname || '.' || c.relname as name,
       array(select a.attname::text
         from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as k (number, place)
         join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
         where i.indexrelid = ${KEY_INDEX} and k.place <= i.indnkeyatts
         order by k.place) as key,
       array(select distinct l.attname::text from columns l
         where l.attrelid = c.oid and (l.type in (20, 1700) or l.typelem in (20, 1700))) as exact,
       array(select a.attname::text from pg_attribute a
         where a.attrelid = c.oid and a.attgenerated = 'v' and not a.attisdropped) as virtual
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = any($1::oid[])`,
    [relations],
  );
  return new Map(
    rows.map((row) => [
      row["relation"] as string,
      {
        name: row["name"] as string,
        key: row["key"] as string[],
        exact: row["exact"] as string[],
        virtual: row["virtual"] as string[],
      },
    ]),
  );
}
