import { chmod, link, open, rm, stat } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { backup } from "node:sqlite";
import { SluiceError } from "../../model/errors.ts";
import { openForReading } from "./database.ts";
import { toJournalError } from "./failure.ts";
import { openHistory } from "./open-history.ts";

/** The most that SQLite counts in one step. */
const ALL_PAGES = 2 ** 31 - 1;

export interface Backup {
  readonly file: string;
  readonly bytes: number;
  /** Events ever taken. */
  readonly events: number;
}

/**
 * Copies a journal, also one that is being written, as it was at one moment. What is copied is checked, and on disk
 * when this resolves; until then the file does not bear its name.
 *
 * @throws SluiceError INVALID_OPTIONS for a file that is there already, JOURNAL_IO, JOURNAL_DAMAGED
 */
export async function backUp(journal: string, file: string): Promise<Backup> {
  const target = resolve(file);
  if (existsSync(target)) {
    throw new SluiceError("INVALID_OPTIONS", `${file} is there already; name another file, or remove it`);
  }
  if (!existsSync(journal)) throw new SluiceError("JOURNAL_IO", `there is no journal at ${journal}`);
  const partial = `${target}.${process.pid}.partial`;
  try {
    await copy(journal, partial);
    const events = await verify(partial);
    await sync(partial);
    // Unlike a rename, a link never replaces what came to be there meanwhile.
    await link(partial, target);
    await sync(dirname(target));
    return { file: target, bytes: (await stat(target)).size, events };
  } catch (error) {
    throw toJournalError(error, target);
  } finally {
    await Promise.all(["", "-wal", "-shm", "-journal"].map((end) => rm(`${partial}${end}`, { force: true })));
  }
}

/** All pages in one step: a reader's one view, which no writer waits for. */
async function copy(journal: string, partial: string): Promise<void> {
  const source = openForReading(journal);
  try {
    await (await open(partial, "wx", 0o600)).close();
    await backup(source, partial, { rate: ALL_PAGES });
    await chmod(partial, 0o600);
  } finally {
    source.close();
  }
}

async function verify(path: string): Promise<number> {
  const history = openHistory(path);
  try {
    const [damage] = history.check();
    if (damage !== undefined) {
      throw new SluiceError("JOURNAL_DAMAGED", `the copy is damaged, and so is the journal: ${damage}`);
    }
    const { events } = await history.history.counters();
    return Object.values(events).reduce((sum, count) => sum + count, 0);
  } finally {
    history.close();
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
