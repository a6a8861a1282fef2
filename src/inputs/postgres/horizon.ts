import type { PgClient } from "../../postgres/driver.ts";

/**
 * Where a look at the outbox may begin: up to here no row is left, and none can come any more.
 *
 * Deleted rows stay in the index for as long as any transaction of the server, a backup say, could still see them;
 * a look that began at the first row would walk over all of them, every time. But a place in the order is no proof
 * that nothing comes before it: a transaction may have taken a lower `seq` long ago, and commit only now. So the
 * floor is raised by transactions, not by position: once every transaction has ended that had begun to write when a
 * `seq` was read, all rows up to it are there to be seen, or never will be.
 */
export interface Horizon {
  /** Rows with a higher `seq` than this are looked for. */
  readonly floor: string;
  /** To be told the `seq` of the rows of every look, in order. */
  saw(first: string | undefined, last: string | undefined): void;
  /** Asks the server how far it has come. To be called now and then. */
  ask(): Promise<void>;
}

interface Mark {
  readonly seq: string;
  /** Every transaction that can hold a lower `seq` has a lower number. */
  readonly transaction: string;
}

export function createHorizon(client: PgClient): Horizon {
  let floor = "0";
  let last = "0";
  let mark: Mark | undefined;
  let isSettled = false;

  async function hasEnded(transaction: string): Promise<boolean> {
    const text = "select pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 as ended";
    return (await client.query(text, [transaction])).rows[0]?.["ended"] === true;
  }
  async function newTransaction(): Promise<string> {
    const { rows } = await client.query("select pg_current_xact_id()::text as id");
    return rows[0]?.["id"] as string;
  }

  return {
    get floor() {
      return floor;
    },
    saw(first, newest) {
      // This look saw everything up to the mark that will ever be: what it did not find is not there.
      if (mark !== undefined && isSettled && (first === undefined || BigInt(first) > BigInt(mark.seq))) {
        floor = mark.seq;
        mark = undefined;
        isSettled = false;
      }
      if (newest !== undefined && BigInt(newest) > BigInt(last)) last = newest;
    },
    async ask() {
      if (mark !== undefined) isSettled ||= await hasEnded(mark.transaction);
      else if (last !== floor) mark = { seq: last, transaction: await newTransaction() };
    },
  };
}
