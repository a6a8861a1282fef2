import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JournalPlace } from "../../testing/journal/index.ts";
import { createSqliteJournal, type SqliteJournalOptions } from "./driver.ts";

/** For the tests in this folder: a folder with one journal. */
export interface SqlitePlace extends JournalPlace {
  readonly folder: string;
  readonly file: string;
}

export async function createSqlitePlace(options: SqliteJournalOptions = {}): Promise<SqlitePlace> {
  const folder = await mkdtemp(path.join(tmpdir(), "sluice-journal-"));
  const file = path.join(folder, "journal.db");
  return {
    folder,
    file,
    driver: (retention) =>
      createSqliteJournal(file, { ...options, ...(retention !== undefined && { retention }) }),
    async crash() {
      const left = await createSqlitePlace(options);
      // By another process: a file that this one closes would lose the locks that SQLite holds on it.
      execFileSync("sh", ["-c", 'cp "$0" "$1"; test ! -e "$0-wal" || cp "$0-wal" "$1-wal"', file, left.file]);
      return left;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
