import type { PgClient } from "../../../postgres/driver.ts";
import type { Relation, Tuple } from "./pgoutput.ts";

/**
 * Writes rows as JSON, letter by letter as the server's own `row_to_json` does, so that both modes tell the same.
 * Values of the common types are written here; all others (arrays, composites, ranges, types of extensions) are
 * handed to the server's `to_json`, a batch at a time.
 */
export interface RowWriter {
  /** Learns the types of these rows, and has the server write what it must. To be called before `write`. */
  prepare(rows: readonly WrittenRow[]): Promise<void>;
  write(row: WrittenRow): string;
}

export interface WrittenRow {
  readonly relation: Relation;
  readonly tuple: Tuple;
  /** Only the columns of the replica identity are there. */
  readonly isKey: boolean;
}

type Encode = (text: string) => string;
interface Type {
  /** As SQL writes it. */
  readonly name: string;
  /** Absent if the server must write it. */
  readonly encode: Encode | undefined;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const quote: Encode = (text) => JSON.stringify(text);
const number: Encode = (text) => (NUMBER.test(text) ? text : quote(text));
const timestamp: Encode = (text) => quote(text.replace(" ", "T"));
const zoned: Encode = (text) => timestamp(text.replace(/([+-]\d\d)( BC)?$/, "$1:00$2"));

/** By the oid of `pg_type`: https://www.postgresql.org/docs/current/datatype-oid.html */
const ENCODERS: ReadonlyMap<string, Encode> = new Map([
  ["16", (text: string) => (text === "t" ? "true" : "false")],
  ...["20", "21", "23", "700", "701", "1700"].map((oid) => [oid, number] as const),
  ...["114", "3802"].map((oid) => [oid, (text: string) => text] as const),
  // bytea, char, name, text, oid, cidr, money, macaddr, inet, bpchar, varchar, date, time, interval, timetz, uuid
  ...["17", "18", "19", "25", "26", "650", "790", "829", "869", "1042", "1043"].map(
    (oid) => [oid, quote] as const,
  ),
  ...["1082", "1083", "1186", "1266", "2950"].map((oid) => [oid, quote] as const),
  ["1114", timestamp],
  ["1184", zoned],
]);

export function createRowWriter(client: PgClient): RowWriter {
  const types = new Map<string, Type>();
  const names = new Map<string, string>();
  let written = new Map<string, string>();

  return {
    async prepare(rows) {
      const unknown = new Set<string>();
      for (const relation of new Set(rows.map((row) => row.relation))) {
        for (const { type } of relation.columns) if (!types.has(type)) unknown.add(type);
      }
      if (unknown.size > 0) await learn(client, types, unknown);
      written = new Map();
      const wanted = new Map<string, Set<string>>();
      each(rows, (oid, text) => {
        if (types.get(oid)?.encode !== undefined) return;
        const texts = wanted.get(oid) ?? new Set();
        wanted.set(oid, texts.add(text));
      });
      for (const [oid, texts] of wanted) {
        const { rows: answers } = await client.query({
          text: `select u.v as text, to_json(u.v::${types.get(oid)?.name ?? "text"})::text as json from unnest($1::text[]) u(v)`,
          values: [[...texts]],
        });
        for (const answer of answers)
          written.set(`${oid} ${answer["text"] as string}`, answer["json"] as string);
      }
    },
    write({ relation, tuple, isKey }) {
      let json = "{";
      for (const [index, text] of tuple.entries()) {
        const column = relation.columns[index];
        if (column === undefined || text === undefined || (isKey && !column.isIdentity)) continue;
        let name = names.get(column.name);
        if (name === undefined) names.set(column.name, (name = `${JSON.stringify(column.name)}:`));
        if (json.length > 1) json += ",";
        if (text === null) json += `${name}null`;
        else
          json +=
            name +
            (types.get(column.type)?.encode?.(text) ?? written.get(`${column.type} ${text}`) ?? quote(text));
      }
      return `${json}}`;
    },
  };
}

async function learn(client: PgClient, types: Map<string, Type>, oids: ReadonlySet<string>): Promise<void> {
  // With -1, for `bit` and `character` alone are one bit and one letter: what is longer would be cut off.
  const { rows } = await client.query(
    `with recursive chain as (
       select oid as type, oid as base, typbasetype as next, typtype from pg_type where oid = any($1::oid[])
       union all
       select c.type, t.oid, t.typbasetype, t.typtype from chain c join pg_type t on t.oid = c.next
     )
     select type::text, base::text, format_type(type, -1) as name, typtype = 'e' as is_enum
     from chain where next = 0`,
    [[...oids]],
  );
  for (const row of rows) {
    const encode = row["is_enum"] === true ? quote : ENCODERS.get(row["base"] as string);
    types.set(row["type"] as string, { name: row["name"] as string, encode });
  }
  // A type that has been dropped since: its values are told as text.
  for (const oid of oids) if (!types.has(oid)) types.set(oid, { name: "text", encode: quote });
}

function each(rows: readonly WrittenRow[], visit: (type: string, text: string) => void): void {
  for (const { relation, tuple } of rows) {
    for (const [index, text] of tuple.entries()) {
      if (typeof text === "string") visit(relation.columns[index]?.type as string, text);
    }
  }
}
