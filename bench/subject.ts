/** What is measured: something that takes events and runs processes for them. */
export interface Subject {
  start(): Promise<void>;
  /** Resolves when the event is acknowledged. */
  emit(id: string): Promise<unknown>;
  /** Resolves when everything that was emitted is settled. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** What a process does for an event: it counts, and nothing else. */
export type Work = (process: number, event: string) => Promise<void>;

/** About 200 bytes as JSON. */
export const payload: object = {
  customer: 12_345,
  total: 99.5,
  items: [
    { sku: "abc-123", quantity: 2 },
    { sku: "def-456", quantity: 1 },
  ],
  note: "leave it with the neighbours on the second floor if nobody answers the bell, please",
};
