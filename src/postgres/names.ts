import { SluiceError } from "../model/errors.ts";

/** A table by its catalog names: nothing is folded to lower case, nothing needs to be quoted. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** As PostgreSQL quotes it: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string constant that reads the same whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}

export function quoteTable({ schema, table }: TableName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** `schema.table`, as people write it and as events carry it in `location`. */
export function formatTable({ schema, table }: TableName): string {
  return `${schema}.${table}`;
}

const PART = /^(?:"((?:[^"]|"")+)"|([^".][^.]*))/;

/**
 * Reads `orders`, `raw.orders` or, for names with a dot, `raw."a.b"`. Names stand for themselves, upper and lower
 * case too; the schema defaults to `public`.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export function parseTable(text: string): TableName {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const match = PART.exec(rest);
    if (match === null) break;
    parts.push(match[1]?.replaceAll('""', '"') ?? (match[2] as string));
    rest = rest.slice(match[0].length);
    if (rest === "") break;
    if (!rest.startsWith(".")) break;
    rest = rest.slice(1);
    if (rest === "") parts.length = 0;
  }
  const [first, second] = parts;
  const long = parts.some((part) => Buffer.byteLength(part) > 63 || part.includes("\0"));
  if (first === undefined || rest !== "" || parts.length > 2 || long) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `${JSON.stringify(text)} names no table; write "orders", "raw.orders", or for a name with a dot "raw.\\"a.b\\""; a name has at most 63 bytes`,
    );
  }
  return second === undefined ? { schema: "public", table: first } : { schema: first, table: second };
}

/** A `postgres:` URL without anything secret in it. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly password: string;
}

/**
 * Reads a connection string. What is wrong with it is said without repeating it, since it may hold a password.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export function parseAddress(connectionString: string): Address {
  let url: URL;
  try {
    url = new URL(connectionString);
    if (!/^postgres(?:ql)?:$/.test(url.protocol)) throw new TypeError("another protocol");
    const database = decodeURIComponent(url.pathname.slice(1)) || decodeURIComponent(url.username);
    return {
      host: url.hostname || url.searchParams.get("host") || "localhost",
      port: Number(url.port || url.searchParams.get("port") || 5432),
      database,
      password: decodeURIComponent(url.password),
    };
  } catch {
    throw new SluiceError(
      "INVALID_OPTIONS",
      'the connection string is no URL like "postgres://user:password@host:5432/database"; characters such as @ : / # % in a password are written percent-encoded',
    );
  }
}

/** Host, port and database, for messages. */
export function formatAddress({ host, port, database }: Address): string {
  return `${host}:${port}/${database}`;
}

/** A table as a dataset, as `parseDataset` reads it: never with user or password. */
export function datasetOf(address: Address, table: TableName, operations?: readonly string[]): string {
  const name = formatTable(table).replace(/[%/:]/g, encodeURIComponent);
  const database = address.database.replace(/[%/:]/g, encodeURIComponent);
  const space = `postgres://${address.host}:${address.port}/${database}`;
  return operations === undefined ? `${space}/${name}` : `${space}/${name}:${operations.join(",")}`;
}
