/** What the test (client and sink) and the host (the orchestrator's own OS process) say to each other. */

export interface HostOptions {
  /** Path of the SQLite journal. */
  readonly journal: string;
  /** Every process gets every event. */
  readonly processes: readonly HostProcess[];
  /** Kills the host, by SIGKILL, when this point is passed for the n-th time. */
  readonly failpoint?: { readonly name: Failpoint; readonly nth: number };
  /** Milliseconds. Defaults to 2000. */
  readonly grace?: number;
}

export interface HostProcess {
  readonly name: string;
  readonly order?: "key";
  /** How long a run takes, in milliseconds. Defaults to 0. */
  readonly takes?: number;
  /** Ignores its signal. */
  readonly deaf?: boolean;
}

export const FAILPOINTS = [
  "emit: before the journal's write",
  "emit: in the journal's write",
  "emit: written, not acknowledged",
  "take: claimed, not started",
  "run: started",
  "run: done, outcome not written",
  "settle: in the journal's write",
  "settle: written",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

export type ToHost = {
  readonly type: "emit";
  readonly uid: string;
  readonly key: string;
  readonly n: number;
};

export type FromHost =
  | { readonly type: "ready" }
  | { readonly type: "acknowledged"; readonly uid: string; readonly duplicate: boolean }
  | { readonly type: "refused"; readonly uid: string; readonly code: string }
  | {
      readonly type: "started";
      readonly run: string;
      readonly attempt: number;
      readonly fence: number;
      readonly key: string;
      readonly n: number;
    }
  | { readonly type: "done"; readonly run: string; readonly key: string; readonly n: number }
  | { readonly type: "error"; readonly code: string; readonly message: string };
