import type { Clock } from "../model/clock.ts";
import type { Duration } from "../model/duration.ts";
import type { Logger } from "../model/logger.ts";
import type { Random } from "../model/uid.ts";
import type { Coordination } from "./coordination.ts";
import type { History } from "./history.ts";
import type { Work } from "./work.ts";

/** A journal that is open and owned. Three ports: what is written, who does what, what people read. */
export interface Journal {
  /** A UUID made with the journal: tells it from every other. `memory` for one that dies with the process. */
  readonly id: string;
  /** Grows by one with every opening by an owner. */
  readonly epoch: number;
  readonly capabilities: JournalCapabilities;
  /** How long it keeps a dead run, which may be replayed meanwhile: milliseconds. Defaults to as long as it lives. */
  readonly keepsDeadFor?: number;
  /** Whether the last owner closed it, rather than died. */
  readonly stoppedCleanly: boolean;
  readonly work: Work;
  readonly coordination: Coordination;
  readonly history: History;
  /** How many runs are `queued`, `waiting`, `retrying` or taken. Cheap. */
  openRuns(): number;
  /** Whether writes work now; what the last failing one said otherwise. */
  health(): { readonly ok: true } | { readonly ok: false; readonly error: Error };
  /** Finishes the commits under way, then closes. What is still taken stays open and is due again. Idempotent. */
  close(): Promise<void>;
}

/** What a journal promises beyond the least: conformance suites and messages look here. */
export interface JournalCapabilities {
  /** Survives the death of the process. */
  readonly durable: boolean;
  /** May be owned by several nodes at once. */
  readonly shared: boolean;
}

/** Opens a journal. */
export interface JournalDriver {
  /** For messages: `memory:`, `sqlite:/path`. */
  readonly location: string;
  /**
   * @throws SluiceError JOURNAL_OWNED, JOURNAL_DAMAGED, JOURNAL_UNSUPPORTED, JOURNAL_VERSION, JOURNAL_IO
   */
  open(surroundings: JournalSurroundings): Promise<Journal>;
}

export interface JournalSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long a journal keeps what is over, and how large it may grow. */
export interface Retention {
  /** Defaults to 7d. */
  readonly succeeded?: Duration;
  /** Dead and cancelled runs. Defaults to 30d. */
  readonly dead?: Duration;
  /** How long deliveries are remembered. Defaults to 7d. */
  readonly dedupe?: Duration;
  /** Bytes; at the limit `emit` is refused while settling goes on. Defaults to none. */
  readonly maxSize?: number;
}
