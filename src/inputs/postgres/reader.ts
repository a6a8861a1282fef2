import { hash } from "node:crypto";
import { sleep, type Clock, type Timer } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { isSluiceError } from "../../model/errors.ts";
import { placeUids, type PlaceUid } from "../../model/place-uid.ts";
import type { PgClient, PgQuery, PgResult } from "../../postgres/driver.ts";
import { GATHER } from "./connection.ts";
import { createHorizon, type Horizon } from "./horizon.ts";
import type { Columns, RowData } from "./options.ts";
import { OUTBOX_COLUMNS, toEventInit, type OutboxRow } from "./rows.ts";
import { createShapes } from "./shapes.ts";
import type { AdvisoryLock, Subscription } from "./subscription.ts";

export interface ReaderOptions {
  readonly context: InputContext;
  readonly client: PgClient;
  readonly subscription: Subscription;
  readonly data: RowData;
  readonly columns: Columns | undefined;
  readonly batchSize: number;
  /** Looks after the tables and the outbox's size; answers in how many milliseconds it wants to be called again. */
  readonly maintain: () => Promise<number>;
}

/** Most bytes of JSON in a batch, unless a single row has more. */
const BATCH_BYTES = 4 * 1_024 * 1_024;
/** Shortest and longest pause between looks while a writer that will not wake us is under way. */
const POLL = { shortest: 1, longest: 25 };
/**
 * So long after the last change, in milliseconds, it goes on looking before it sleeps: writers that follow each other
 * closely should not each have to wake it, for a NOTIFY makes their commits wait for one another.
 */
const LINGER = 20;
/** Named, so that it is planned once: each look would take longer to plan than to be carried out. */
const TAKE = "sluice_take";
/** Whatever the role's or the database's default is. */
const BEGIN = "begin isolation level read committed read write";
/** How long to wait before emitting again what a busy journal has refused. */
const REFUSED_PAUSE = 1_000;

/**
 * Reads the outbox until the signal aborts.
 *
 * A batch is deleted and emitted within one transaction that is committed once the journal has the events: what is
 * lost in between is read again, under the same uids. Rows are found by being there, whatever the order of the
 * commits, and in the order of `seq`, so that the changes of one record keep theirs.
 *
 * To sleep, it takes the subscription's lock that every writer shares until its commit, unless it finds it taken
 * and notifies instead. Having got it, no writer is under way that would not wake us; one more look, then it
 * sleeps. It is never waited for: while there are such writers, it polls.
 */
export async function readOutbox(options: ReaderOptions): Promise<void> {
  const { context, client, subscription, data, columns, batchSize } = options;
  const { clock, signal } = context;
  const shapes = createShapes(client, clock);
  const waker = createWaker(client, clock, signal);
  const horizon = createHorizon(client);
  const uidOf = placeUids(hash("sha256", `${context.name}\n${subscription.name}`));
  const batch = createBatchReader(client, subscription, horizon, uidOf, batchSize);
  let holdsLock = false;
  let reads = 0;
  let lastChange = Number.NEGATIVE_INFINITY;
  let pause = POLL.shortest;
  let maintainAt = clock.monotonic() + (await options.maintain());

  while (!signal.aborted) {
    if (clock.monotonic() >= maintainAt) {
      await batch.end("commit");
      maintainAt = clock.monotonic() + (await options.maintain());
      await horizon.ask();
    }
    waker.reset();
    const rows = await batch.read();
    if (rows.length > 0) {
      const shapeOf = await shapes.of(new Set(rows.map((row) => row[2])));
      const events = rows.map((row) => toEventInit(row, shapeOf(row[2]), data, columns));
      if (!(await emitAll(context, events))) {
        await batch.end("rollback");
        await sleep(clock, REFUSED_PAUSE, signal);
        continue;
      }
      // Rows at the second look, too: writers are busy, and should not be made to notify us.
      reads += 1;
      const isClose = clock.monotonic() - lastChange < LINGER;
      lastChange = clock.monotonic();
      if (holdsLock && (reads > 1 || isClose)) {
        await unlock(client, subscription.sleepLock);
        holdsLock = false;
      }
      pause = POLL.shortest;
      if (reads > 1 && rows.length < batchSize / 2) await sleep(clock, GATHER, signal);
      continue;
    }
    await batch.end("commit");
    reads = 0;
    if (holdsLock) {
      await waker.wait(maintainAt - clock.monotonic());
    } else {
      const lingers = clock.monotonic() - lastChange < LINGER;
      holdsLock = !lingers && (await tryLock(client, subscription.sleepLock));
      if (holdsLock) continue;
      await sleep(clock, pause, signal);
      pause = Math.min(pause * 2, POLL.longest);
    }
  }
  await batch.end("commit");
}

/** @returns `false` if the journal is too busy: nothing was kept. That is no failure: the rows wait where they are. */
async function emitAll(
  context: InputContext,
  events: Parameters<InputContext["emitAll"]>[0],
): Promise<boolean> {
  try {
    await context.emitAll(events);
    return true;
  } catch (error) {
    if (!isSluiceError(error, "JOURNAL_BACKLOG")) throw error;
    context.log.warn(
      { input: context.name, code: error.code },
      `the outbox waits for the journal: ${error.message}`,
    );
    return false;
  }
}

interface BatchReader {
  /** Commits the batch before, which must have been emitted, and reads the next one in a new transaction. */
  read(): Promise<OutboxRow[]>;
  /** Ends the transaction, if there is one. */
  end(how: "commit" | "rollback"): Promise<void>;
}

function createBatchReader(
  client: PgClient,
  { outbox }: Subscription,
  horizon: Horizon,
  uidOf: PlaceUid,
  size: number,
): BatchReader {
  // Everything up to the last row of the head is in the head: one statement sees one state of the table.
  const prepare = `prepare ${TAKE}(int8) as delete from ${outbox} where seq > $1 and seq <= (
      select max(seq) from (
        select seq, sum(bytes) over (order by seq rows unbounded preceding) - bytes as before
        from (select seq, bytes from ${outbox} where seq > $1 order by seq limit ${size}) head
      ) sized where before < ${BATCH_BYTES}
    ) returning ${OUTBOX_COLUMNS}`;
  let isPrepared = false;
  let isOpen = false;
  const send = (text: string): Promise<PgResult | PgResult[]> => {
    const query: PgQuery = { text, rowMode: "array" };
    return client.query(query);
  };
  return {
    async read() {
      if (!isPrepared) await send(prepare);
      isPrepared = true;
      const results = await send(`${isOpen ? "commit; " : ""}${BEGIN}; execute ${TAKE}(${horizon.floor})`);
      isOpen = true;
      const last = (results as PgResult[]).at(-1) as PgResult;
      const rows = inOrder(last.rows as unknown as WrittenRow[]);
      for (const row of rows) row[1] = uidOf(Number(row[0]), Number(row[1]));
      horizon.saw(rows[0]?.[0], rows.at(-1)?.[0]);
      return rows as unknown as OutboxRow[];
    },
    async end(how) {
      if (!isOpen) return;
      isOpen = false;
      await send(how);
    },
  };
}

/** As the server answers it: in the place of the uid stands when it was written. */
type WrittenRow = [seq: string, at: string, ...rest: unknown[]];

/** Sorts by `seq`, which `returning` does by itself but does not promise. */
function inOrder(rows: WrittenRow[]): WrittenRow[] {
  return rows.sort((a, b) => Number(a[0]) - Number(b[0]));
}

async function tryLock(client: PgClient, [space, number]: AdvisoryLock): Promise<boolean> {
  const { rows } = await client.query(`select pg_try_advisory_lock(${space}, ${number}) as locked`);
  return rows[0]?.["locked"] === true;
}

async function unlock(client: PgClient, [space, number]: AdvisoryLock): Promise<void> {
  await client.query(`select pg_advisory_unlock(${space}, ${number})`);
}

interface Waker {
  /** Forgets a notification: what it spoke of is about to be read. */
  reset(): void;
  /** Resolves at a notification since `reset`, at the loss of the connection, when aborted, or after the time. */
  wait(milliseconds: number): Promise<void>;
}

function createWaker(client: PgClient, clock: Clock, signal: AbortSignal): Waker {
  let isCalled = false;
  let wake: (() => void) | undefined;
  const call = (): void => {
    isCalled = true;
    wake?.();
  };
  client.on("notification", call);
  client.on("end", call);
  client.on("error", call);
  signal.addEventListener("abort", call, { once: true });
  return {
    reset() {
      isCalled = signal.aborted;
    },
    wait(milliseconds) {
      return new Promise((resolve) => {
        if (isCalled || milliseconds <= 0) {
          resolve();
          return;
        }
        const timer: Timer = clock.setTimer(milliseconds, finish);
        wake = finish;
        function finish(): void {
          timer.cancel();
          wake = undefined;
          resolve();
        }
      });
    },
  };
}
