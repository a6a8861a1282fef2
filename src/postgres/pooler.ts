import type { PgClient } from "./driver.ts";

/**
 * Whether the connection goes through a pooler. A server tells a new connection the pid of its backend; a pooler makes
 * one up, for it does not know yet which backend will serve, nor does it stay with one.
 */
export async function isPooled(client: PgClient): Promise<boolean> {
  const { rows } = await client.query("select pg_backend_pid() as pid");
  return rows[0]?.["pid"] !== client.processID;
}
