import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { onMessage } from "../live.ts";

export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: unknown;
  readonly reload: () => void;
}

/** Loads, and loads again when `inputs` change; what comes too late is dropped. */
export function useLoaded<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  inputs: readonly unknown[],
): Loaded<Value> {
  const [state, setState] = useState<{ value: Value | undefined; error: unknown }>({
    value: undefined,
    error: undefined,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    void (async () => {
      try {
        const value = await load(ending.signal);
        if (!ending.signal.aborted) setState({ value, error: undefined });
      } catch (error) {
        if (!ending.signal.aborted) setState(({ value }) => ({ value, error }));
      }
    })();
    return () => ending.abort();
  }, [...inputs, round]);
  const reload = useCallback(() => setRound((count) => count + 1), []);
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
