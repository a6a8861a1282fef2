import { SluiceError } from "../model/errors.ts";
import { describeError, sqlState } from "./errors.ts";

/** What a query answers; `pg`'s own results fit. */
export interface QueryResult<Row> {
  /** The command that was done: `INSERT`, `COMMIT`, `ROLLBACK`… */
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: Row[];
}

/** The slice of a `pg` client that a transaction calls; every pool's client fits. */
export interface TransactionClient {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<QueryResult<Row>>;
}

/**
 * How long an applied run is remembered: ten days longer than a journal keeps a dead one, which could be replayed under
 * its id, by default. For a journal that keeps it longer, `at` lies ahead by the difference: many may share the table.
 */
const KEPT_DAYS = 40;
const DEAD_DAYS = 30;
const DAY = 86_400_000;
/** A century: what the server's calendar has room for. */
const LONGEST_DAYS = 36_500;
/** How often old rows are looked for, in transactions; and how many are removed then: twice as many as were added. */
const PRUNE_EVERY = 100;
const PRUNE_ROWS = 200;

/** Serialises the creation of `sluice.applied`, as an advisory lock. */
const CREATE_LOCK = [0x51_1c_e0, 1] as const;

/** Databases, by their pool, whose `sluice.applied` was seen; and how many transactions it took since it was pruned. */
const seen = new WeakMap<object, { transactions: number }>();

/**
 * Makes sure that `sluice.applied` is there. A role that may not create it works as well, once somebody has:
 * it needs SELECT, INSERT and DELETE on it.
 */
export async function ensureApplied(pool: object, client: TransactionClient): Promise<void> {
  if (seen.has(pool)) return;
  if (!(await isThere(client))) await createApplied(client);
  seen.set(pool, { transactions: 0 });
}

/** By a snapshot: `to_regclass` may still answer from before others created it. */
async function isThere(client: TransactionClient): Promise<boolean> {
  const { rows } = await client.query(
    `select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'sluice' and c.relname = 'applied'`,
  );
  return rows.length > 0;
}

/** Looks again under the lock: DDL on a table that others use already would wait for them. */
async function createApplied(client: TransactionClient): Promise<void> {
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1, $2)", [...CREATE_LOCK]);
    if (!(await isThere(client))) await createTable(client);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw new SluiceError(
      "SQL_FAILED",
      `cannot create the table sluice.applied, which records the runs that were applied: ${describeError(error)}; grant CREATE on the database once, or create it with a role that may`,
      { cause: error },
    );
  }
}

async function createTable(client: TransactionClient): Promise<void> {
  const { rows } = await client.query("select 1 from pg_namespace where nspname = 'sluice'");
  if (rows.length === 0) await client.query("create schema sluice");
  await client.query(`create table sluice.applied (
      run_id text primary key,
      fence bigint not null,
      at timestamptz not null default now()
    )`);
  await client.query("create index applied_at on sluice.applied using brin (at)");
}

/** What holds for one transaction alone. */
export interface Marks {
  /** The run, as `sluice.cause`. */
  readonly cause: string;
  /** Milliseconds that a statement may take, as text; `null` leaves it as it is. */
  readonly timeout: string | null;
}

/**
 * A setting is seen by triggers, but not in the WAL: for those who read that, a logical message stands in the
 * transaction before its changes, where the server keeps such messages at all.
 *
 * @param isLocal whether they end with the transaction, rather than with the session
 */
const MARKS = (first: number, isLocal = true): string =>
  `set_config('sluice.cause', $${first}, ${isLocal}), set_config('statement_timeout',
     coalesce($${first + 1}, current_setting('statement_timeout')), ${isLocal})${isLocal ? MESSAGE(first) : ""}`;

const MESSAGE = (cause: number): string =>
  `, case when current_setting('wal_level') = 'logical'
       then pg_logical_emit_message(true, 'sluice.cause', $${cause}::text) end`;

/** Sets what {@link recordApplied} sets, without a record: for the transaction, or for the session. */
export async function mark(
  client: TransactionClient,
  { cause, timeout }: Marks,
  what: "transaction" | "session",
): Promise<void> {
  await client.query(`select ${MARKS(1, what === "transaction")}`, [cause, timeout]);
}

/**
 * Records a run as applied, within the transaction that applies it, and names it as the cause of what the
 * transaction changes (`sluice.cause`). A concurrent attempt of the same run waits here until this one has ended.
 *
 * @returns whether it is new; `false` says that an earlier attempt has been committed.
 */
export async function recordApplied(
  pool: object,
  client: TransactionClient,
  run: {
    readonly id: string;
    readonly fence: number;
    /** Milliseconds for which the journal keeps it, should it die after this. */
    readonly keptFor?: number | undefined;
  } & Marks,
): Promise<boolean> {
  try {
    const { rowCount } = await client.query(
      `insert into sluice.applied (run_id, fence, at) values ($1, $2, now() + make_interval(days => $3))
       on conflict do nothing returning ${MARKS(4)}`,
      [run.id, run.fence, daysAhead(run.keptFor), run.cause, run.timeout],
    );
    return rowCount === 1;
  } catch (error) {
    const state = sqlState(error);
    if (state !== "42P01" && state !== "3F000") throw error;
    seen.delete(pool);
    throw new SluiceError(
      "SQL_FAILED",
      "the table sluice.applied has been dropped; it is created again next time",
      {
        cause: error,
      },
    );
  }
}

function daysAhead(keptFor = 0): number {
  return Math.min(Math.max(0, Math.ceil(keptFor / DAY) - DEAD_DAYS), LONGEST_DAYS);
}

/** Now and then, removes records so old that their run cannot be tried again. Never fails: it is tried again later. */
export async function pruneApplied(pool: object, client: TransactionClient): Promise<void> {
  const count = seen.get(pool);
  if (count === undefined || ++count.transactions % PRUNE_EVERY !== 0) return;
  await client
    .query(
      `delete from sluice.applied where run_id in (
         select run_id from sluice.applied where at < now() - make_interval(days => $1) limit $2)`,
      [KEPT_DAYS, PRUNE_ROWS],
    )
    .catch(() => undefined);
}
