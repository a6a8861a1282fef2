import type { SurveyContext } from "../../../model/component.ts";
import { SluiceError, isSluiceError } from "../../../model/errors.ts";
import { connect } from "../../../postgres/connect.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { describeError, isConnectionError } from "../../../postgres/errors.ts";
import { formatAddress, parseAddress } from "../../../postgres/names.ts";
import { sessionOf, type ResolvedOptions } from "../options.ts";

/**
 * A row is read with the settings of the capture's triggers, so that both say it alike; and nothing is written. The
 * path has what extensions bring, such as the order of citext, which a key may have.
 */
const SETTINGS = `
  set search_path = pg_catalog, public, pg_temp;
  set timezone = 'UTC';
  set datestyle = 'ISO';
  set extra_float_digits = 1;
  set intervalstyle = 'postgres';
  set bytea_output = 'hex';
  set default_transaction_read_only = on`;

/**
 * Opens a connection of its own to read from, does something with it, and closes it. When the survey is to end, the
 * connection is closed under the statement that runs.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function withSource<Result>(
  context: SurveyContext,
  options: ResolvedOptions,
  use: (client: PgClient) => Promise<Result>,
): Promise<Result> {
  const session = sessionOf(options);
  const address = parseAddress(session.connectionString);
  const client = await connect({
    ...session,
    applicationName: `sluice survey ${context.pipeline}/${context.name}`,
  });
  let loss: Error | undefined;
  client.on("error", (error) => {
    loss ??= error;
  });
  const close = (): void => void client.end().catch(() => undefined);
  context.signal.addEventListener("abort", close, { once: true });
  try {
    context.signal.throwIfAborted();
    await client.query(SETTINGS);
    return await use(client);
  } catch (error) {
    context.signal.throwIfAborted();
    if (isSluiceError(error)) throw error;
    const text = describeError(loss ?? error, address.password);
    const code = isConnectionError(loss ?? error) ? "SOURCE_UNAVAILABLE" : "SQL_FAILED";
    throw new SluiceError(code, `PostgreSQL at ${formatAddress(address)}: ${text}`, { cause: error });
  } finally {
    context.signal.removeEventListener("abort", close);
    await client.end().catch(() => undefined);
  }
}
