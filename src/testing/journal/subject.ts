import type { JournalCapabilities, JournalDriver, Retention } from "../../journal/journal.ts";

/** A journal under test: where to put one, and what it claims to promise. */
export interface JournalSubject {
  readonly name: string;
  readonly capabilities: JournalCapabilities;
  /** A new and empty place for one journal. */
  createPlace(): Promise<JournalPlace>;
}

export interface JournalPlace {
  /** What opens the journal that lives here, again and again. */
  driver(retention?: Retention): JournalDriver;
  /**
   * A place that holds what the death of the owner's process at this moment would leave here.
   * Only asked of durable journals.
   */
  crash(): Promise<JournalPlace>;
  remove(): Promise<void>;
}
