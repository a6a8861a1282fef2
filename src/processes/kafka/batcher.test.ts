import { expect, test } from "vitest";
import type { KafkaProducer } from "../../kafka/driver.ts";
import { createSignal } from "../../testing/signal.ts";
import { createBatcher } from "./batcher.ts";

const { signal } = new AbortController();
const messageOf = (value: string): { topic: string; value: Buffer } => ({
  topic: "t",
  value: Buffer.from(value),
});

/** A producer whose first batch waits until it is let go. */
function slowProducer() {
  const batches: string[][] = [];
  const isSending = createSignal();
  const go = createSignal();
  const send = async ({ messages }: Parameters<KafkaProducer["send"]>[0]): Promise<void> => {
    batches.push(messages.map(({ value }) => String(value)));
    isSending.set();
    await go.wait();
  };
  const producer = { send, close: async () => undefined } as unknown as KafkaProducer;
  return { batches, isSending, go, open: async () => producer };
}

test("what waits for a batch is not sent once nobody waits for it; what is on its way is", async () => {
  const { batches, isSending, go, open } = slowProducer();
  const batcher = createBatcher(open);
  const [first, third] = [new AbortController(), new AbortController()];
  const sent = [batcher.send(messageOf("1"), first.signal)];
  await isSending.wait();
  sent.push(batcher.send(messageOf("2"), signal), batcher.send(messageOf("3"), third.signal));
  first.abort(new Error("first"));
  third.abort(new Error("third"));
  go.set();
  const results = await Promise.allSettled(sent);
  expect(results.map((one) => (one.status === "rejected" ? String(one.reason) : "sent"))).toEqual([
    "Error: first",
    "sent",
    "Error: third",
  ]);
  await batcher.close();
  expect(batches).toEqual([["1"], ["2"]]);
});
