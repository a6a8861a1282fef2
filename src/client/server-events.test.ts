import { expect, test } from "vitest";
import { parseEvents, type ServerEvent } from "./server-events.ts";

async function all(chunks: AsyncIterable<Uint8Array>): Promise<ServerEvent[]> {
  const messages: ServerEvent[] = [];
  for await (const message of parseEvents(chunks)) messages.push(message);
  return messages;
}

async function parsed(...chunks: (string | Uint8Array)[]): Promise<ServerEvent[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  }
  return all(source());
}

test("messages are read wherever they are cut, in the middle of a character too", async () => {
  const bytes = Buffer.from('id: 1\nevent: runs\ndata: "ä"\n\nid: 2\ndata: x\n\n');
  const expected = [
    { id: "1", event: "runs", data: '"ä"' },
    { id: "2", event: "message", data: "x" },
  ];
  expect(await parsed(bytes)).toEqual(expected);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    expect(await parsed(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(expected);
  }
});

test("comments are passed over, data may have lines, and what was cut off is nothing", async () => {
  expect(await parsed(": alive\n\n", "data: a\ndata: b\n\n", "data: half")).toEqual([
    { id: "", event: "message", data: "a\nb" },
  ]);
});

test("a connection that breaks ends the stream", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("data: a\n\n");
    throw new Error("reset");
  }
  expect(await all(broken())).toHaveLength(1);
});
