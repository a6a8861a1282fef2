import type { RunContext } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import { ensureApplied, pruneApplied, recordApplied, type TransactionClient } from "./applied.ts";

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

/** What is needed of an attempt's context. */
export type TransactionContext = Pick<RunContext, "run" | "fence" | "signal">;

/** Whether the work was done now, or had been committed by an earlier attempt of the run. */
export type TransactionOutcome<Result> =
  | { readonly repeated: false; readonly result: Result }
  | { readonly repeated: true; readonly result?: undefined };

export interface TransactionOptions {
  /** Tells several transactions of one run apart: each step is applied once. Defaults to none. */
  readonly step?: string;
}

/** Longest `sluice.cause`, in characters: what the capture trigger keeps. */
const CAUSE_LIMIT = 200;
/** A backend is cancelled only so shortly after its abort, in milliseconds: later, its pid may be another's. */
const CANCEL_WITHIN = 1_000;

/**
 * Does `work` in one transaction whose effect happens exactly once per run (and step), however often the run is
 * attempted: the run's id is recorded in `sluice.applied` of the same database, in the same transaction. What it
 * changes carries the run as its cause, so that captures of these tables know it.
 *
 * Rolls back and rejects if `work` throws, if the attempt is aborted (the statement that runs is cancelled), or
 * if a statement failed whose error `work` has swallowed. Retries nothing: that is the run's own retry.
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
    await ensureApplied(pool, client);
    await client.query("begin");
    const id = options.step === undefined ? run.id : `${run.id}#${options.step}`;
    if (!(await recordApplied(pool, client, { id, cause: run.id.slice(0, CAUSE_LIMIT), fence }))) {
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
    await pruneApplied(pool, client);
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
