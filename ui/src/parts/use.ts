import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { onMessage } from "../live.ts";

export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: unknown;
  readonly reload: () => void;
}

/**
 * Loads, and loads again when `inputs` change; what comes too late is dropped. A reload waits for the load under way:
 * were that given up, one that takes longer than the stream is silent would never end.
 */
export function useLoaded<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  inputs: readonly unknown[],
): Loaded<Value> {
  const [state, setState] = useState<{ value: Value | undefined; error: unknown }>({
    value: undefined,
    error: undefined,
  });
  const latest = useRef(load);
  latest.current = load;
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    const ending = new AbortController();
    let isLoading = false;
    let isStale = false;
    const run = async (): Promise<void> => {
      isStale = isLoading;
      if (isLoading) return;
      isLoading = true;
      try {
        const value = await latest.current(ending.signal);
        if (!ending.signal.aborted) setState({ value, error: undefined });
      } catch (error) {
        if (!ending.signal.aborted) setState(({ value }) => ({ value, error }));
      }
      isLoading = false;
      if (isStale && !ending.signal.aborted) await run();
    };
    again.current = () => void run();
    void run();
    return () => ending.abort();
  }, inputs);
  const reload = useCallback(() => again.current(), []);
  return { ...state, reload };
}

/** Calls at most once a second while messages of these types come, and once after the last: sampled, not drowned. */
export function useStream(types: readonly string[], action: (data: unknown) => void, isOn = true): void {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    if (!isOn) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let data: unknown;
    const stop = onMessage((message) => {
      if (!types.includes(message.type) || document.hidden) return;
      data = message.data;
      timer ??= setTimeout(() => {
        timer = undefined;
        latest.current(data);
      }, 1_000);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [isOn, types.join()]);
}
