/** A moment that a test waits for: set once, awaited by any number, before or after. */
export interface Signal<Value = void> {
  readonly isSet: boolean;
  set(value: Value): void;
  /** Rejects all that wait, now and later. */
  fail(error: unknown): void;
  wait(): Promise<Value>;
}

export function createSignal<Value = void>(): Signal<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  promise.catch(() => undefined);
  let isSet = false;
  return {
    get isSet() {
      return isSet;
    },
    set(value) {
      isSet = true;
      resolve(value);
    },
    fail(error) {
      isSet = true;
      reject(error);
    },
    wait: () => promise,
  };
}

/** Counts down: `wait` resolves once `countDown` was called `count` times. */
export interface Latch {
  readonly remaining: number;
  countDown(): void;
  wait(): Promise<void>;
}

export function createLatch(count: number): Latch {
  const signal = createSignal();
  let remaining = count;
  if (remaining <= 0) signal.set();
  return {
    get remaining() {
      return remaining;
    },
    countDown() {
      remaining -= 1;
      if (remaining === 0) signal.set();
    },
    wait: () => signal.wait(),
  };
}
