import { SluiceError } from "../model/errors.ts";
import type { JournalDriver, Retention } from "./journal.ts";
import { createMemoryJournal } from "./memory/journal.ts";
import { createSqliteJournal } from "./sqlite/driver.ts";

const FORMS = `write "memory:" or "sqlite:PATH"`;

/**
 * The driver for a location such as `memory:` or `sqlite:.sluice/journal.db`.
 *
 * @throws SluiceError INVALID_OPTIONS for any other, INVALID_DURATION
 */
export function journalFrom(location: string, retention: Retention = {}): JournalDriver {
  if (location === "memory:") return createMemoryJournal();
  const path = location.startsWith("sqlite:") ? location.slice("sqlite:".length) : "";
  if (path !== "") return createSqliteJournal(path, { retention });
  throw new SluiceError("INVALID_OPTIONS", `${JSON.stringify(location)} is not a journal; ${FORMS}`);
}
