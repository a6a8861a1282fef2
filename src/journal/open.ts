import { SluiceError } from "../model/errors.ts";
import type { JournalDriver, Retention } from "./journal.ts";
import { createMemoryJournal } from "./memory/journal.ts";

const FORMS = `write "memory:" or "sqlite:PATH"`;

/**
 * The driver for a location such as `memory:` or `sqlite:.sluice/journal.db`.
 *
 * @throws SluiceError INVALID_OPTIONS for any other
 */
export function journalFrom(location: string, retention: Retention = {}): JournalDriver {
  void retention;
  if (location === "memory:") return createMemoryJournal();
  throw new SluiceError("INVALID_OPTIONS", `${JSON.stringify(location)} is not a journal; ${FORMS}`);
}
