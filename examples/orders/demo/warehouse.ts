import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { createPool, type Pool } from "sluice/postgres";
import type { PostgresServer } from "../../support/postgres.ts";

/** An empty warehouse with the tables of schema.sql, whatever an earlier run has left. */
export async function createWarehouse(server: PostgresServer): Promise<Pool> {
  const admin = new pg.Client(server.connectionString("postgres"));
  await admin.connect();
  await admin.query("drop database if exists warehouse with (force)");
  await admin.end();

  const warehouse = await createPool({ connectionString: await server.createDatabase("warehouse") });
  await warehouse.query(await readFile(join(import.meta.dirname, "../schema.sql"), "utf8"));
  return warehouse;
}
