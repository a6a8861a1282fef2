/** One promise that a component must hold. Hand it to any test runner: `test(name, run)`. */
export interface ConformanceTest {
  readonly name: string;
  /** Rejects with what is wrong. */
  run(): Promise<void>;
}

/** Rejects with `what` if the promise takes longer than so many milliseconds. */
export async function within<Value>(
  milliseconds: number,
  what: string,
  promise: PromiseLike<Value>,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets everything have its turn that is ready to, so that what must not happen could have. */
export async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
