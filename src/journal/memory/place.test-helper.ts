import type { JournalPlace } from "../../testing/journal/index.ts";
import { createMemoryJournal } from "./journal.ts";

/** A place for a journal in memory: nothing of it survives its owner. */
export async function createMemoryPlace(): Promise<JournalPlace> {
  return {
    driver: () => createMemoryJournal(),
    crash: () => Promise.reject(new Error("nothing is left of it")),
    remove: async () => undefined,
  };
}
