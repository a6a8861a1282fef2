import { parentPort, workerData } from "node:worker_threads";
import { toPlainError } from "../failure.ts";
import type { FromWriter, Hello, ToWriter, WriterData } from "../layout.ts";
import { writeUid, readUid } from "../uid-blob.ts";
import { mark, refill, suspects } from "./due.ts";
import { clampRetries, newEpoch } from "./take-over.ts";
import { createEffects, type Row } from "./transaction.ts";
import { Writer } from "./writer.ts";

/** The thread that writes. Messages are answered in their order, each with one message. */
const port = parentPort;
if (port === null) throw new Error("the writer of a journal runs in a thread of its own");

const data = workerData as WriterData;
const writer = new Writer(data);

function send(message: FromWriter | Hello): void {
  port?.postMessage(message);
}

function answer(message: Exclude<ToWriter, unknown[]>): FromWriter {
  switch (message.type) {
    case "refill":
      return writer.read(() =>
        refill(writer, message.process, message.after, message.retriesAfter, message.now),
      );
    case "suspects":
      return { type: "answer", value: writer.read(() => suspects(writer, message.concurrency, message.now)) };
    case "mark":
      return { type: "answer", value: writer.write(() => mark(writer, message.run)) };
    case "unmark":
      return { type: "answer", value: writer.write(() => writer.statements.unmark.run()) };
    case "newEpoch":
      return {
        type: "answer",
        value: writer.write(() => newEpoch(writer.transaction(0, createEffects()).database)),
      };
    case "clamp":
      return {
        type: "answer",
        value: writer.write(() =>
          clampRetries(writer.transaction(message.now, createEffects()).database, message.now),
        ),
      };
    case "hops":
      return { type: "answer", value: writer.read(() => hops(message.uids)) };
    case "state": {
      const row = writer.read(
        () => writer.statements.stateValue.get(message.owner, message.key) as Row | undefined,
      );
      return { type: "answer", value: row === undefined ? undefined : { value: row[0], version: row[1] } };
    }
    case "close":
      writer.close(message.cleanly);
      return { type: "closed" };
  }
}

function hops(uids: readonly string[]): ReadonlyMap<string, number> {
  const known = new Map<string, number>();
  for (const uid of uids) {
    const row = writer.statements.hops.get(writeUid(uid, new Uint8Array(16))) as Row | undefined;
    if (row === undefined) continue;
    const cause = row[1] as string | null;
    known.set(
      readUid(row[0] as Uint8Array),
      cause === null ? 0 : (JSON.parse(cause) as { hops: number }).hops,
    );
  }
  return known;
}

try {
  send(writer.open());
  port.on("message", (message: ToWriter) => {
    if (Array.isArray(message)) {
      send(writer.apply(message));
      return;
    }
    try {
      send(answer(message));
    } catch (error) {
      send({ type: "failed", error: toPlainError(error, data.path) });
    }
    if (message.type === "close") port.close();
  });
} catch (error) {
  send({ type: "failed", error: toPlainError(error, data.path) });
  port.close();
}
