// Three databases of one PostgreSQL 18, which npm has brought. They could as well be on three servers.
import { join } from "node:path";
import { createPool } from "sluice/postgres";
import { startPostgres } from "../support/postgres.ts";

/** Where the data is, as connection strings; and where the pipeline may keep its journal. All of it goes in the end. */
export interface Databases extends AsyncDisposable {
  readonly raw: string;
  readonly cleansed: string;
  readonly reporting: string;
  readonly journal: string;
}

const READINGS = `
  create table readings (
    id      bigint generated always as identity primary key,
    stadium text not null,
    read_at timestamptz not null,
    amount  numeric not null,
    unit    text not null
  )`;
const RAIN = `
  create table rain (
    id          bigint generated always as identity primary key,
    stadium     text not null,
    at          timestamptz not null,
    millimetres numeric(6, 3) not null
  )`;
const RAIN_BY_HOUR = `
  create table rain_by_hour (
    stadium     text,
    hour        timestamptz,
    millimetres numeric(8, 3) not null,
    advice      text generated always as (case when millimetres >= 4 then 'cover the pitch' else 'play' end) stored,
    primary key (stadium, hour)
  )`;

export async function startDatabases(): Promise<Databases> {
  const server = await startPostgres();
  const create = async (name: string, table: string): Promise<string> => {
    const connectionString = await server.createDatabase(name);
    await using pool = await createPool({ connectionString });
    await pool.query(table);
    return connectionString;
  };
  return {
    raw: await create("raw", READINGS),
    cleansed: await create("cleansed", RAIN),
    reporting: await create("reporting", RAIN_BY_HOUR),
    journal: join(server.directory, "journal.db"),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
