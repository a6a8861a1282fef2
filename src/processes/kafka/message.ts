import type { ProducedMessage } from "../../kafka/driver.ts";
import { HOPS_HEADER, RUN_HEADER } from "../../model/cause-headers.ts";
import type { RunContext } from "../../model/component.ts";
import { PermanentError } from "../../model/errors.ts";
import { formatEvent, type Event } from "../../model/event.ts";
import { compilePointer, type Pointer } from "../../net/pointer.ts";
import type { ResolvedOptions } from "./options.ts";

/** Makes the message of an event. @throws PermanentError if the event lacks what it is made of. */
export type MessageMaker = (
  event: Event,
  context: Pick<RunContext, "run" | "traceparent">,
) => ProducedMessage;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function createMessageMaker(options: ResolvedOptions): MessageMaker {
  const { topic, encode, tombstones } = options;
  const [value, key, partition] = [options.value, options.messageKey, options.partition].map(pointerOf);
  const headers = Object.entries(options.headers ?? {}).map(([name, text]) => {
    return [name, text.startsWith("/") ? compilePointer(text) : () => text] as const;
  });

  const valueOf = (event: Event): Buffer => {
    if (value === undefined) return Buffer.from(formatEvent(event));
    const found = value(event);
    if (found === undefined) throw lacks(event, "value", options.value);
    if (encode === "json") return Buffer.from(JSON.stringify(found));
    if (typeof found !== "string") throw isNot(options.value, "text", found);
    if (encode === "string") return Buffer.from(found);
    if (!BASE64.test(found)) throw isNot(options.value, "base64", found);
    return Buffer.from(found, "base64");
  };

  const partitionOf = (event: Event): number | undefined => {
    if (partition === undefined) return undefined;
    const found = partition(event);
    if (found === undefined) throw lacks(event, "partition", options.partition);
    if (Number.isSafeInteger(found) && (found as number) >= 0) return found as number;
    throw isNot(options.partition, "the number of a partition", found);
  };

  const keyOf = (event: Event): string => {
    if (key === undefined) return event.key;
    const found = key(event);
    if (found === undefined || found === null) throw lacks(event, "message_key", options.messageKey);
    return textOf(found);
  };

  const headersOf = (event: Event): ReadonlyMap<string, string> => {
    if (options.headers === undefined) return new Map(Object.entries(event.headers));
    const found = headers.map(([name, pick]) => [name, pick(event)] as const);
    // What an event does not have, its message has no header for.
    return new Map(
      found.flatMap(([name, one]) => (one === undefined || one === null ? [] : [[name, textOf(one)]])),
    );
  };

  return (event, { run, traceparent }) => {
    const isTombstone = tombstones && event.operation === "delete";
    const where = partitionOf(event);
    const caused = new Map(headersOf(event))
      .set(RUN_HEADER, run.id)
      .set(HOPS_HEADER, String((event.cause?.hops ?? 0) + 1))
      .set("traceparent", traceparent);
    return {
      topic,
      key: Buffer.from(keyOf(event)),
      ...(!isTombstone && { value: valueOf(event) }),
      headers: new Map([...caused].map(([name, one]) => [Buffer.from(name), Buffer.from(one)])),
      ...(where !== undefined && { partition: where }),
    };
  };
}

function pointerOf(text: string | undefined): Pointer | undefined {
  return text === undefined ? undefined : compilePointer(text);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function lacks(event: Event, option: string, pointer: string | undefined): PermanentError {
  return new PermanentError(`${option}: event ${event.uid} has nothing at ${pointer}`);
}

function isNot(pointer: string | undefined, wanted: string, found: unknown): PermanentError {
  const shown = JSON.stringify(found)?.slice(0, 100);
  return new PermanentError(`what is at ${pointer} must be ${wanted}, not ${shown}`);
}
