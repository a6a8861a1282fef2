import { chmodSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../model/errors.ts";
import { checkVersion, migrate, pragma } from "./schema.ts";

/** Of both connections: reads notice more kinds of damage, and nothing is ever read from a file that is mapped. */
const COMMON =
  "pragma cell_size_check = on; pragma mmap_size = 0; pragma temp_store = memory; pragma trusted_schema = off;";

/**
 * Opens the one connection that writes. WAL with a sync at every commit; on macOS a sync that reaches the disk.
 *
 * @throws what SQLite throws, or SluiceError JOURNAL_DAMAGED, JOURNAL_VERSION
 */
export function openForWriting(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    // The first read makes the file; its -wal and -shm take over its mode.
    checkVersion(database, path);
    chmodSync(path, 0o600);
    database.exec(
      `${COMMON} pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536;`,
    );
    database.exec("pragma wal_autocheckpoint = 4000; pragma journal_size_limit = 67108864;");
    if (process.platform === "darwin")
      database.exec("pragma fullfsync = on; pragma checkpoint_fullfsync = on;");
    migrate(database, path);
    checkLength(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** @throws what SQLite throws, or SluiceError JOURNAL_DAMAGED, JOURNAL_VERSION */
export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    database.exec(`${COMMON} pragma cache_size = -16384;`);
    checkVersion(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What an earlier owner left in the write-ahead log is brought home, so that the file's length says whether it is whole. */
function checkLength(database: DatabaseSync, path: string): void {
  database.exec("pragma wal_checkpoint(truncate)");
  const expected = pragma(database, "page_count") * pragma(database, "page_size");
  const found = statSync(path).size;
  if (found >= expected) return;
  throw new SluiceError(
    "JOURNAL_DAMAGED",
    `journal ${path} was cut off: it has ${found} bytes of ${expected}; keep a copy of it, and restore a backup`,
    { details: { path, found, expected } },
  );
}
