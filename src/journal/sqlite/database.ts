import { chmodSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SluiceError } from "../../model/errors.ts";
import { checkVersion, migrate, pragma } from "./schema.ts";

/** Of both connections: reads notice more kinds of damage, and nothing is ever read from a file that is mapped. */
const COMMON =
  "pragma cell_size_check = on; pragma mmap_size = 0; pragma temp_store = memory; pragma trusted_schema = off;";

/** `synchronous`, as a number (https://www.sqlite.org/pragma.html#pragma_synchronous). */
const FULL = 2;

/**
 * Opens the one connection that writes. WAL with a sync at every commit; on macOS a sync that reaches the disk.
 *
 * @throws what SQLite throws, or SluiceError JOURNAL_DAMAGED, JOURNAL_VERSION, JOURNAL_UNSUPPORTED
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
    expectDurable(database, path);
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

/** SQLite answers a mode that cannot be had with the one that it stays in, and no error. */
function expectDurable(database: DatabaseSync, path: string): void {
  const mode = database.prepare("pragma journal_mode").get()?.["journal_mode"];
  const synchronous = pragma(database, "synchronous");
  if (mode === "wal" && synchronous === FULL) return;
  throw new SluiceError(
    "JOURNAL_UNSUPPORTED",
    `journal ${path}: this file system cannot keep a write-ahead log that is synced (journal_mode ${String(mode)}, synchronous ${synchronous}); put the journal on a local disk`,
  );
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
