import { ApiError, authorization, BASE, getToken, refused } from "./api.ts";

export interface Message {
  readonly type: string;
  readonly data: unknown;
}

export interface StreamHandlers {
  readonly onMessage: (message: Message) => void;
  readonly onState: (isOpen: boolean) => void;
}

const LONGEST_WAIT = 10_000;

/** Server-sent events over fetch, since an EventSource cannot send a token. Comes back by itself; answers how to end it. */
export function openStream({ onMessage, onState }: StreamHandlers): () => void {
  const ending = new AbortController();
  let lastId = "";
  let wait = 500;

  async function once(): Promise<void> {
    const token = getToken();
    const response = await fetch(`${BASE}/stream`, {
      headers: {
        accept: "text/event-stream",
        ...authorization(),
        ...(lastId !== "" && { "last-event-id": lastId }),
      },
      cache: "no-store",
      signal: ending.signal,
    });
    if (response.status === 401) {
      refused(token);
      ending.abort();
    }
    if (!response.ok || response.body === null) throw new ApiError(response.status, "STREAM", "no stream");
    onState(true);
    wait = 500;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) deliver(block);
    }
  }

  function deliver(block: string): void {
    const { id, type, data } = parseBlock(block);
    if (id !== undefined) lastId = id;
    if (data === "") return;
    try {
      onMessage({ type, data: JSON.parse(data) });
    } catch (error) {
      // One message that cannot be read must not end the others.
      reportError(error);
    }
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

function parseBlock(block: string): { id: string | undefined; type: string; data: string } {
  let id: string | undefined;
  let type = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") type = value;
    else if (field === "data") data.push(value);
  }
  return { id, type, data: data.join("\n") };
}
