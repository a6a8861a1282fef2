import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../model/errors.ts";
import { toJournalError } from "./failure.ts";

/** Held for as long as the journal is open; the kernel lets go of it when the process dies. */
export interface OwnerLock {
  /** The id of the journal that this file was last beside; `undefined` if none is known. */
  readonly journalId: string | undefined;
  /** Remembers the journal, so that one that was emptied behind our back is noticed. */
  remember(journalId: string): void;
  release(): void;
}

/**
 * Takes the ownership of a journal: an open transaction on a sibling file, `PATH-owner`. The pid inside is for the
 * message only. Nothing else may open that file: closing any descriptor of it would drop the lock
 * (https://www.sqlite.org/howtocorrupt.html, section 2.2).
 *
 * @throws SluiceError JOURNAL_OWNED naming the pid of the owner
 */
export function takeOwnership(journal: string): OwnerLock {
  const file = `${journal}-owner`;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec("pragma synchronous = off; begin immediate");
    chmodSync(file, 0o600);
    database.exec(
      "create table if not exists owner(id integer primary key check (id = 1), pid integer, journal text) strict",
    );
    database
      .prepare("insert into owner values (1, ?, null) on conflict do update set pid = excluded.pid")
      .run(process.pid);
    // Committed, so that others can read it; then held.
    database.exec("commit; begin immediate");
    return held(database);
  } catch (error) {
    const owner = isBusy(error) ? readOwner(database) : undefined;
    database?.close();
    if (!isBusy(error)) throw toJournalError(error, file);
    const who =
      owner === undefined
        ? "another process"
        : owner === process.pid
          ? `this process (pid ${owner})`
          : `the process with pid ${owner}`;
    throw new SluiceError(
      "JOURNAL_OWNED",
      `journal ${journal} is owned by ${who}; stop it, or name another journal`,
      {
        cause: error,
        details: { path: journal, ...(owner !== undefined && { pid: owner }) },
      },
    );
  }
}

function held(database: DatabaseSync): OwnerLock {
  const known = database.prepare("select journal from owner").get()?.["journal"];
  return {
    journalId: typeof known === "string" ? known : undefined,
    remember(journalId) {
      database.prepare("update owner set journal = ?").run(journalId);
      database.exec("commit; begin immediate");
    },
    release() {
      if (!database.isOpen) return;
      database.exec("rollback");
      database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && ((errcode & 0xff) === 5 || (errcode & 0xff) === 6);
}

function readOwner(database: DatabaseSync | undefined): number | undefined {
  try {
    const pid = database?.prepare("select pid from owner").get()?.["pid"];
    return typeof pid === "number" ? pid : undefined;
  } catch {
    return undefined;
  }
}
