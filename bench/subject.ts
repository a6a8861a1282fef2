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

const order = {
  customer: 12_345,
  total: 99.5,
  items: [
    { sku: "abc-123", quantity: 2 },
    { sku: "def-456", quantity: 1 },
  ],
  note: "leave it with the neighbours on the second floor if nobody answers the bell, please",
};

/** How large a payload is, as JSON, unless a scenario says otherwise. */
export const USUAL_PAYLOAD: number = JSON.stringify(order).length;

/** An order of about so many bytes as JSON, its items repeated; `undefined` for 0. */
export function payloadOf(bytes: number): object | undefined {
  if (bytes === 0) return undefined;
  const [item] = order.items;
  const count = Math.round((bytes - USUAL_PAYLOAD) / (JSON.stringify(item).length + 1));
  return { ...order, items: [...order.items, ...Array.from({ length: Math.max(0, count) }, () => item)] };
}
