import { sleep, waitAtMost } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { isPermanentError, isSluiceError, SluiceError } from "../../model/errors.ts";
import { connect, type ConnectOptions } from "../../postgres/connect.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { describeError, isConnectionError, sqlState } from "../../postgres/errors.ts";
import { formatAddress, parseAddress } from "../../postgres/names.ts";
import { sessionOf, type ResolvedOptions } from "./options.ts";
import type { Subscription } from "./subscription.ts";

/** An answer that takes longer is taken for a dead connection: milliseconds. */
export const QUERY_TIMEOUT = 15_000;
/** Longest time that closing a connection may take. */
const CLOSE_TIMEOUT = 2_000;
/**
 * While changes follow each other closely, they are gathered for so many milliseconds: each look costs the server, the
 * journal and us the same, however little it finds, and takes from the writers what it costs.
 */
export const GATHER = 10;
/** How often a reader in standby looks whether the subscription is free. */
const STANDBY_INTERVAL = 1_000;
/** A session that lasted this long may be followed by another at once when its connection is lost. */
const PROVEN = 1_000;
/** object_in_use: the slot is still held by a walsender that has not noticed our end. */
const IN_USE = "55006";

/**
 * Captures, by one session after the other, until the signal aborts. A connection that had been good and is lost is
 * replaced once, at once; if that fails too it throws, and the supervisor starts the input anew after its back-off.
 *
 * @param session calls `proven` once it can see changes
 * @throws SluiceError what `session` throws
 */
export async function captureAgain(
  context: InputContext,
  session: (proven: () => void) => Promise<void>,
): Promise<void> {
  const { clock, log, signal } = context;
  while (!signal.aborted) {
    let provenFrom = Number.POSITIVE_INFINITY;
    try {
      await session(() => {
        provenFrom = clock.monotonic();
      });
    } catch (error) {
      const wasProven = clock.monotonic() - provenFrom >= PROVEN;
      if (!isSluiceError(error, "SOURCE_UNAVAILABLE") || !wasProven) throw error;
      log.warn({ input: context.name }, `${error.message}; connecting again`);
      context.report({ error });
    }
  }
}

/**
 * Opens a connection to capture with, does something with it, and closes it.
 *
 * @throws SluiceError SOURCE_UNAVAILABLE, SQL_FAILED
 */
export async function withConnection(
  context: InputContext,
  options: ResolvedOptions,
  queryTimeout: number,
  use: (client: PgClient, how: ConnectOptions) => Promise<void>,
): Promise<void> {
  const applicationName = `sluice ${context.pipeline}/${context.name}`;
  const how = { ...sessionOf(options), applicationName };
  const address = parseAddress(how.connectionString);
  const client = await connect({ ...how, queryTimeout });
  let loss: Error | undefined;
  client.on("error", (error) => {
    loss ??= error;
  });
  try {
    await use(client, how);
  } catch (error) {
    if (isSluiceError(error) || isPermanentError(error)) throw error;
    const text = describeError(loss ?? error, address.password);
    throw isConnectionError(loss ?? error) || sqlState(error) === IN_USE
      ? new SluiceError("SOURCE_UNAVAILABLE", `lost PostgreSQL at ${formatAddress(address)}: ${text}`)
      : new SluiceError("SQL_FAILED", `PostgreSQL at ${formatAddress(address)}: ${text}`, { cause: error });
  } finally {
    const closed = client.end().catch(() => undefined);
    await waitAtMost(context.clock, CLOSE_TIMEOUT, closed);
  }
}

/**
 * Waits, in standby, until no other reader has the subscription.
 *
 * @param beforeEach called before each try
 * @returns `false` if the signal aborted before
 */
export async function becomeReader(
  { clock, log, name, report, signal }: InputContext,
  client: PgClient,
  subscription: Subscription,
  beforeEach?: () => Promise<void>,
): Promise<boolean> {
  const [space, number] = subscription.readerLock;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    await beforeEach?.();
    const { rows } = await client.query(`select pg_try_advisory_lock(${space}, ${number}) as locked`);
    if (rows[0]?.["locked"] === true) return true;
    if (isFirst) {
      report({ standby: true });
      log.info(
        { input: name, subscription: subscription.name, state: "standby" },
        `subscription "${subscription.name}" has a reader already; standing by`,
      );
    }
    await sleep(clock, STANDBY_INTERVAL, signal);
  }
  return false;
}
