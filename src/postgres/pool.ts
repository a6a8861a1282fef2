import { SluiceError } from "../model/errors.ts";
import type { QueryResult } from "./applied.ts";
import { connectionConfig } from "./connect.ts";
import { loadPg, type PgPool } from "./driver.ts";
import { parseAddress } from "./names.ts";
import type { TlsOptions } from "./tls.ts";
import type { TransactionPool } from "./transaction.ts";

export interface PoolOptions {
  /**
   * `postgres://user:password@host:5432/database`. A variable of the environment may be handed in as it is: one that
   * is not set is refused, where `pg` would connect to some server of its own choice.
   */
  readonly connectionString: string | undefined;
  /** How its connections are encrypted. Defaults to what the connection string says. */
  readonly tls?: TlsOptions | undefined;
  /** Most connections at a time. Defaults to 10; a process uses as many as its `concurrency`. */
  readonly max?: number;
  /** Shown in `pg_stat_activity`. Defaults to `sluice`. */
  readonly applicationName?: string;
}

/** A pool of connections, as `withTransaction` takes it. */
export interface Pool extends TransactionPool, AsyncDisposable {
  /** One statement, outside of any transaction. Rows are as `pg` makes them: bigint and numeric are strings. */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<QueryResult<Row>>;
  /** Closes it, once what runs has ended. `await using` does that by itself. */
  end(): Promise<void>;
}

/**
 * Makes a pool that may live as long as a pipeline: connections that break while nobody uses them are replaced (a
 * `pg.Pool` without a listener for that ends the program), idle ones are closed after 30 s and do not keep the program
 * from ending, and waiting for one ends after 10 s. Connects at the first query.
 *
 * @throws SluiceError INVALID_OPTIONS, MISSING_DEPENDENCY
 *
 * @example
 * const warehouse = await createPool({ connectionString: process.env["WAREHOUSE_URL"] });
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const { connectionString, tls, applicationName = "sluice", max = 10 } = options;
  if (connectionString === undefined) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      "createPool needs a connectionString; if a variable of the environment should hold it, it is not set",
    );
  }
  parseAddress(connectionString);
  const pg = await loadPg();
  const pool = new pg.Pool({
    ...connectionConfig({ connectionString, tls, applicationName }),
    max,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
  });
  pool.on("error", () => undefined);
  // The pool stops listening when it hands a connection out: one that breaks at that very moment would end the host.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return disposable(pool);
}

function disposable(pool: PgPool): Pool {
  const dispose = async (): Promise<void> => {
    if (!pool.ending) await pool.end();
  };
  return Object.assign(pool, { [Symbol.asyncDispose]: dispose }) as unknown as Pool;
}
