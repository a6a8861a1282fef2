/** What the page reads of the API's answers (docs/reference/http.md). test/types holds it against the server's rows. */
import type { ErrorRecord } from "../../src/model/errors.ts";
import type { AttemptRow, LogRow, RunRow, RunState } from "../../src/model/run.ts";

export type { AttemptRow, ErrorRecord, LogRow, RunRow, RunState };

export interface Page<Row> {
  readonly items: readonly Row[];
  readonly next: string | null;
}

export interface PipelineInfo {
  readonly name: string;
  readonly state: string;
  readonly journal: { readonly durable: boolean; readonly healthy: boolean };
  readonly openRuns: number;
  readonly config: unknown;
  readonly role: Role;
  /** `null` for one that was made in code. */
  readonly version: number | null;
  readonly managedBy: "file" | "api" | null;
  /** Whether an admin may change it here. */
  readonly mayChange: boolean;
}

/** What the reader may do: read; steer, too; change the pipeline, too. */
export type Role = "viewer" | "operator" | "admin";

export interface GraphNode {
  readonly id: string;
  readonly role: "input" | "process" | "dataset";
  readonly name: string;
  readonly type: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: "link" | "reads" | "writes";
  readonly operations?: readonly string[];
  readonly locations?: readonly string[];
  readonly when?: string;
  readonly loop?: boolean;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface InputRow {
  readonly name: string;
  readonly type: string;
  readonly state: string;
  readonly restarts: number;
  readonly lastEventAt: string | null;
  readonly lastError: ErrorRecord | null;
  readonly silent: boolean;
  readonly lag: Lag | null;
}

/** What waited at the source when the input last told; what it cannot tell is `null`. */
export interface Lag {
  readonly at: string;
  readonly events: number | null;
  readonly bytes: number | null;
  readonly oldest: string | null;
  /** Bytes that the source must keep on its account. */
  readonly retained: number | null;
}

export interface ProcessRow {
  readonly name: string;
  readonly type: string;
  readonly state: string;
  readonly concurrency: number;
  readonly running: number;
  readonly abandoned: number;
  readonly lastError: ErrorRecord | null;
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
}

export interface EventRow {
  readonly uid: string;
  readonly location: string;
  readonly operation: string;
  readonly id: string;
  readonly trigger: string;
  readonly time: string;
  readonly key?: string;
  readonly data?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: { readonly runs: readonly string[]; readonly hops: number };
}

export interface Journey {
  readonly event: EventRow;
  readonly runs: readonly RunRow[];
  readonly caused: readonly EventRow[];
}

export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly process: string;
  readonly error: ErrorRecord;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly newest: RunRow;
}

/** One run by itself: `data` is its edited payload, where it has one. */
export interface RunDetail extends RunRow {
  readonly data?: unknown;
}

/** The first message of the stream. */
export interface Hello {
  /** Whether it goes on where the last one ended. */
  readonly resumed: boolean;
}

/** The message that brings the rows anew. */
export interface Rows {
  readonly state: string;
  readonly openRuns: number;
  readonly healthy: boolean;
  readonly inputs: readonly InputRow[];
  readonly processes: readonly ProcessRow[];
}
