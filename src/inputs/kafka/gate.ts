/** A place to wait for somebody who calls `open`. */
export interface Gate {
  open(): void;
  close(): void;
  /** Resolves when it is open, at once if it is; and for good once the signal has aborted. */
  passed(): Promise<void>;
}

export function createGate(signal: AbortSignal): Gate {
  const waiting = new Set<() => void>();
  let isOpen = false;
  const open = (): void => {
    isOpen = true;
    for (const pass of waiting) pass();
    waiting.clear();
  };
  signal.addEventListener("abort", open, { once: true });
  return {
    open,
    close: () => (isOpen = false),
    passed: () =>
      isOpen || signal.aborted ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve)),
  };
}
