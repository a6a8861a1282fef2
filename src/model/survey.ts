import type { EventInit } from "./event.ts";
import type { Operation } from "./operation.ts";

/** What was read of a source at a time. */
export interface SourceRead<Data = unknown> {
  readonly events: readonly EventInit<Data>[];
  /** Kept with them, whether or not any is left to be emitted. */
  readonly state?: Readonly<Record<string, unknown>>;
}

export interface ReadOutcome {
  readonly emitted: number;
  /** Left out: the input has told of them itself. */
  readonly overtaken: number;
}

export interface BackfillRequest {
  /** One of the input's tables. Defaults to all. */
  readonly table?: string;
  /** A condition in the source's own language: SQL. Defaults to none. */
  readonly where?: string;
  /** Most rows in a time, such as `"100/s"`. Defaults to no limit. */
  readonly rate?: string;
  /** Begins anew, rather than where an earlier one of the same condition was cut off. Defaults to `false`. */
  readonly restart?: boolean;
}

export interface BackfillReport {
  readonly tables: readonly {
    readonly table: string;
    /** Rows read, those of the earlier ones it resumed too. */
    readonly rows: number;
    readonly emitted: number;
    readonly overtaken: number;
    readonly resumed: boolean;
  }[];
}

/** The newest event that the journal has of a record. */
export interface KnownRecord {
  readonly id: string;
  readonly operation: Operation;
  /** `undefined` if it carries nothing, or what it carried was forgotten. */
  readonly data: unknown;
  /** Whether the journal may have pruned a newer one by now. */
  readonly mayBeStale: boolean;
}

export interface AuditRequest {
  /** One of the input's tables. Defaults to all. */
  readonly table?: string;
  /** A condition in the source's own language: SQL. Defaults to none. */
  readonly where?: string;
  /** Most rows in a time, such as `"1000/s"`. Defaults to no limit. */
  readonly rate?: string;
  /** Compares what the newest event of each row carries with the row, too. Defaults to `false`. */
  readonly data?: boolean;
  /** Emits what is missing, as the operation `read`, and what differs, as an `update`. Defaults to `false`. */
  readonly repair?: boolean;
}

export interface AuditReport {
  readonly tables: readonly {
    readonly table: string;
    /** In the source. */
    readonly rows: number;
    /** Of which the journal has an event that is no delete. */
    readonly seen: number;
    /** On their way: the source's outbox has them still, or they were changed meanwhile. */
    readonly pending: number;
    readonly missing: number;
    /** Seen, but their newest event carries other data than they have now. 0 unless data is compared. */
    readonly differs: number;
    /** Seen, but that event's data was forgotten, or a newer one may have been pruned. 0 unless data is compared. */
    readonly unknown: number;
    readonly repaired: number;
    /** Ids of the first few that are missing. */
    readonly samples: readonly string[];
    /** Ids of the first few that differ. */
    readonly differing: readonly string[];
  }[];
  readonly missing: number;
  readonly differs: number;
  readonly repaired: number;
}
