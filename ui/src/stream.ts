import { follow } from "./api.ts";

export interface Message {
  readonly type: string;
  readonly data: unknown;
}

export interface StreamHandlers {
  readonly onMessage: (message: Message) => void;
  readonly onState: (isOpen: boolean) => void;
}

const LONGEST_WAIT = 10_000;

/** Follows the live stream, and comes back by itself where it was; answers how to end it. */
export function openStream({ onMessage, onState }: StreamHandlers): () => void {
  const ending = new AbortController();
  let lastId: string | undefined;
  let wait = 500;

  function once(): Promise<void> {
    return follow(lastId, ending.signal, ({ id, event, data }) => {
      onState(true);
      wait = 500;
      lastId = id;
      try {
        onMessage({ type: event, data: JSON.parse(data) });
      } catch (error) {
        // One message that cannot be read must not end the others.
        reportError(error);
      }
    });
  }

  async function forever(): Promise<void> {
    while (!ending.signal.aborted) {
      await once().catch(() => undefined);
      if (ending.signal.aborted) return;
      onState(false);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(LONGEST_WAIT, wait * 2);
    }
  }

  void forever();
  return () => ending.abort();
}
