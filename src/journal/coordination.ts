/** What nodes that share a journal tell one another. With one owner it is quickly said. */
export interface Coordination {
  /**
   * Waits until this node alone holds `name`; what only one node may run asks for it first.
   * `undefined` once `signal` aborts.
   */
  lease(name: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** Calls `listener` for every change that concerns the engine; answers what ends that. */
  watch(listener: (change: Change) => void): () => void;
  /** Names that are paused. */
  paused(): ReadonlySet<string>;
}

export interface Lease {
  readonly name: string;
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

export type Change =
  /** A run that is taken was cancelled: its attempt must be aborted. `fence` is that of its claim. */
  | { readonly type: "cancelled"; readonly process: string; readonly fence: number; readonly message: string }
  | { readonly type: "paused"; readonly name: string }
  | { readonly type: "resumed"; readonly name: string }
  /** Runs came to a final state: `settled()` and `idle()` look again. */
  | { readonly type: "progress" }
  /** The journal cannot write for now, or can again. */
  | { readonly type: "unhealthy"; readonly error: Error }
  | { readonly type: "healthy" };
