import { existsSync } from "node:fs";
import { SluiceError } from "../../model/errors.ts";
import type { History } from "../history.ts";
import { openForReading } from "./database.ts";
import { toJournalError } from "./failure.ts";
import { createCallReader } from "./reader/calls.ts";
import { createHistory } from "./reader/history-client.ts";

/** A journal that is only read: by the command line, when no owner is there to be asked, or beside one. */
export interface ReadOnlyJournal {
  readonly id: string;
  readonly history: History;
  /** Names that are paused. */
  readonly paused: ReadonlySet<string>;
  /** A piece of state, as it was written last. */
  state(owner: string, key: string): string | undefined;
  /** Reads all of it; what is damaged, as SQLite says it. Empty if nothing is. Takes long for a large journal. */
  check(): readonly string[];
  close(): void;
}

/**
 * Opens a journal's file for reading, without owning it: nothing is written, nobody is kept out.
 *
 * @throws SluiceError JOURNAL_IO if there is none, JOURNAL_DAMAGED, JOURNAL_VERSION
 */
export function openHistory(path: string): ReadOnlyJournal {
  if (!existsSync(path))
    throw new SluiceError("JOURNAL_IO", `there is no journal at ${path}`, { details: { path } });
  try {
    const database = openForReading(path);
    const read = createCallReader(database, path);
    const names = database.prepare("select name from paused").all();
    return {
      id: String(database.prepare("select value from meta where key = 'id'").get()?.["value"]),
      history: createHistory(async (method, argument, query) => read({ method, argument, query, taken: [] })),
      paused: new Set(names.map((row) => row["name"] as string)),
      state(owner, key) {
        const row = database.prepare("select value from state where owner = ? and key = ?").get(owner, key);
        return row?.["value"] as string | undefined;
      },
      check() {
        try {
          const rows = database.prepare("pragma integrity_check").all();
          return rows.map((row) => String(row["integrity_check"])).filter((line) => line !== "ok");
        } catch (error) {
          // It may be too damaged even to be checked.
          return [(error as Error).message];
        }
      },
      close: () => database.close(),
    };
  } catch (error) {
    throw toJournalError(error, path);
  }
}
