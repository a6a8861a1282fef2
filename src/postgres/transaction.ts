import { formatCauseText } from "../model/cause-text.ts";
import type { RunContext } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import {
  ensureApplied,
  mark,
  pruneApplied,
  recordApplied,
  type Marks,
  type TransactionClient,
} from "./applied.ts";
import { sqlState } from "./errors.ts";

/** The slice of a `pg` pool that is called; any `pg.Pool` fits. */
export interface TransactionPool {
  connect(): Promise<
    TransactionClient & {
      release(destroy?: Error | boolean): void;
      on(event: "error", listener: (error: Error) => void): unknown;
      removeListener(event: "error", listener: (error: Error) => void): unknown;
    }
  >;
}

/** What is needed of an attempt's context. With a deadline no statement goes on for long after it. */
export type TransactionContext = Pick<RunContext, "run" | "fence" | "signal"> &
  Partial<Pick<RunContext, "deadline" | "clock" | "replayableFor" | "traceparent">>;

/** Whether the work was done now, or had been committed by an earlier attempt of the run. */
export type TransactionOutcome<Result> =
  | { readonly repeated: false; readonly result: Result }
  | { readonly repeated: true; readonly result?: undefined };

export interface TransactionOptions {
  /** Tells several transactions of one run apart: each step is applied once. Defaults to none. */
  readonly step?: string;
  /**
   * How often the transaction is done anew, at once, when the server gave it up for another one that ran beside it
   * (a serialization failure, a deadlock): nothing of it has happened then. Defaults to 3.
   */
  readonly retries?: number;
  /**
   * Whether the run is recorded, so that its effect happens once. Without it the work is done at each attempt, and
   * `sluice.applied` is not needed. Defaults to `true`.
   */
  readonly exactlyOnce?: boolean;
}

const RETRIES = 3;
/** serialization_failure, deadlock_detected */
const GIVEN_UP: ReadonlySet<string | undefined> = new Set(["40001", "40P01"]);
/** The attempt's own time-out strikes first; the server's is for when we cannot. Milliseconds. */
const DEADLINE_SLACK = 250;

/** A backend is cancelled only so shortly after its abort, in milliseconds: later, its pid may be another's. */
const CANCEL_WITHIN = 1_000;

/**
 * Does `work` in one transaction whose effect happens exactly once per run (and step), however often the run is
 * attempted: the run's id is recorded in `sluice.applied` of the same database, in the same transaction. What it
 * changes carries the run as its cause, so that captures of these tables know it.
 *
 * Rolls back and rejects if `work` throws, if the attempt is aborted (the statement that runs is cancelled), or
 * if a statement failed whose error `work` has swallowed. What the server gives up for a concurrent transaction is done
 * anew at once, a few times, `work` included; all else is the run's own retry.
 *
 * @example
 * const { repeated } = await withTransaction(pool, context, async (tx) => {
 *   await tx.query("insert into enriched.orders (id, total) values ($1, $2)", [event.id, event.data.total]);
 * });
 */
export async function withTransaction<Result>(
  pool: TransactionPool,
  context: TransactionContext,
  work: (tx: TransactionClient) => Promise<Result>,
  options: TransactionOptions = {},
): Promise<TransactionOutcome<Result>> {
  for (let retries = options.retries ?? RETRIES; ; retries -= 1) {
    try {
      return await tryTransaction(pool, context, work, options);
    } catch (error) {
      if (retries <= 0 || context.signal.aborted || !GIVEN_UP.has(sqlState(error))) throw error;
    }
  }
}

async function tryTransaction<Result>(
  pool: TransactionPool,
  context: TransactionContext,
  work: (tx: TransactionClient) => Promise<Result>,
  options: TransactionOptions,
): Promise<TransactionOutcome<Result>> {
  const { run, fence, signal } = context;
  signal.throwIfAborted();
  const client = await pool.connect();
  let broken: Error | undefined;
  let released = false;
  const release = (destroy?: Error): void => {
    if (released) return;
    released = true;
    client.removeListener("error", lose);
    // The driver may still report the end of a connection that is destroyed.
    if (destroy !== undefined) client.on("error", ignore);
    client.release(destroy);
  };
  function lose(error: Error): void {
    broken = error;
  }
  function abort(): void {
    const { processID } = client as { readonly processID?: number | null };
    release(new Error("the attempt was aborted"));
    if (typeof processID === "number") void cancelBackend(pool, processID);
  }
  client.on("error", lose);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    const exactlyOnce = options.exactlyOnce ?? true;
    const id = options.step === undefined ? run.id : `${run.id}#${options.step}`;
    const marks = marksOf(context);
    if (exactlyOnce) await ensureApplied(pool, client);
    await client.query("begin");
    if (!exactlyOnce) await mark(client, marks, "transaction");
    else if (!(await recordApplied(pool, client, { id, fence, keptFor: context.replayableFor, ...marks }))) {
      await client.query("rollback");
      return { repeated: true };
    }
    const result = await work(client);
    signal.throwIfAborted();
    signal.removeEventListener("abort", abort);
    const { command } = await client.query("commit");
    if (command !== "COMMIT") {
      throw new SluiceError(
        "SQL_FAILED",
        `the transaction of run ${run.id} was rolled back: one of its statements had failed, and the error was swallowed`,
      );
    }
    if (exactlyOnce) await pruneApplied(pool, client);
    return { repeated: false, result };
  } catch (error) {
    if (!released && broken === undefined) {
      await client.query("rollback").catch((failure: Error) => {
        broken ??= failure;
      });
    }
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
    release(broken);
  }
}

/**
 * Does `work` on a connection without any transaction, for statements that refuse one; what they change has the run as
 * its cause. Nothing makes its effect happen once. When the attempt is aborted, the statement that runs is cancelled.
 */
export async function withoutTransaction<Result>(
  pool: TransactionPool,
  context: TransactionContext,
  work: (client: TransactionClient) => Promise<Result>,
): Promise<Result> {
  const { signal } = context;
  signal.throwIfAborted();
  const client = await pool.connect();
  client.on("error", ignore);
  let released = false;
  /** One that failed is closed, whatever it may have left set. */
  const release = (failure?: Error): void => {
    if (released) return;
    released = true;
    if (failure === undefined) client.removeListener("error", ignore);
    client.release(failure);
  };
  function abort(): void {
    const { processID } = client as { readonly processID?: number | null };
    release(new Error("the attempt was aborted"));
    if (typeof processID === "number") void cancelBackend(pool, processID);
  }
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    await mark(client, marksOf(context), "session");
    const result = await work(client);
    await client.query("reset sluice.cause; reset statement_timeout");
    release();
    return result;
  } catch (error) {
    release(error as Error);
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function marksOf(context: TransactionContext): Marks {
  return { cause: formatCauseText(context.run.id, context.traceparent), timeout: timeoutOf(context) };
}

/** Milliseconds that a statement may take, as text; `null` without a deadline. */
function timeoutOf({ deadline, clock }: TransactionContext): string | null {
  if (deadline === undefined) return null;
  return String(Math.max(1, Math.ceil(deadline - (clock?.now() ?? Date.now()) + DEADLINE_SLACK)));
}

/** Asks the server to end the statement of a connection that we have closed: it would not notice before its end. */
async function cancelBackend(pool: TransactionPool, pid: number): Promise<void> {
  const since = performance.now();
  try {
    const client = await pool.connect();
    client.on("error", ignore);
    try {
      if (performance.now() - since < CANCEL_WITHIN)
        await client.query("select pg_cancel_backend($1)", [pid]);
    } finally {
      client.removeListener("error", ignore);
      client.release();
    }
  } catch {
    // The server ends the statement by itself when it tries to answer.
  }
}

function ignore(): void {
  // Said elsewhere, or of no interest any more.
}
