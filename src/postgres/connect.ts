import { SluiceError, isSluiceError } from "../model/errors.ts";
import { loadPg, textTypes, type PgClient, type PgConfig } from "./driver.ts";
import { describeError } from "./errors.ts";
import { formatAddress, parseAddress } from "./names.ts";
import { secured, type TlsOptions } from "./tls.ts";

/** Longest time to wait for a connection. */
const CONNECT_TIMEOUT = 10_000;

export interface ConnectOptions {
  readonly connectionString: string;
  /** Defaults to what the connection string says. */
  readonly tls?: TlsOptions | undefined;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Milliseconds after which a query rejects for want of an answer. Defaults to none. */
  readonly queryTimeout?: number;
}

/**
 * Opens one connection. Whoever opens it listens to its `error` event: a lost connection is reported there.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, MISSING_DEPENDENCY, INVALID_OPTIONS
 */
export async function connect(options: ConnectOptions): Promise<PgClient> {
  const address = parseAddress(options.connectionString);
  const pg = await loadPg();
  try {
    const client = new pg.Client({
      ...connectionConfig(options),
      types: textTypes(pg),
      ...(options.queryTimeout !== undefined && { query_timeout: options.queryTimeout }),
    });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  } catch (error) {
    if (isSluiceError(error)) throw error;
    throw new SluiceError(
      "SOURCE_UNAVAILABLE",
      `cannot connect to PostgreSQL at ${formatAddress(address)}: ${describeError(error, address.password)}`,
    );
  }
}

/** What is common to all our connections. */
export function connectionConfig({ connectionString, tls, applicationName }: ConnectOptions): PgConfig {
  return {
    ...secured(connectionString, tls),
    application_name: applicationName.slice(0, 63),
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}
