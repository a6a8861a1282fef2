/** One message of a stream of server-sent events. */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** What a body holds, read as every browser can; who stops reading breaks it off. */
export async function* chunksOf(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    isOver = true;
  } finally {
    if (!isOver) await reader.cancel().catch(() => undefined);
  }
}

/** Reads messages as the HTML standard, section 9.2.6 has them; a message that was cut off is none. */
export async function* parseEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let lastId = "";
  for await (const chunk of untilCut(chunks)) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = fieldsOf(block);
      lastId = fields.get("id") ?? lastId;
      const data = fields.get("data");
      if (data !== undefined) yield { id: lastId, event: fields.get("event") ?? "message", data };
    }
  }
}

/** The same, but for a connection that breaks: whoever reads sees the end, and may come back. */
export async function* untilCut(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } catch {
    // What is missing is told by who knows where the end should be.
  }
}

function fieldsOf(block: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    const before = fields.get(name);
    fields.set(name, name === "data" && before !== undefined ? `${before}\n${value}` : value);
  }
  return fields;
}
