import { hash } from "node:crypto";
import type { EventSourceMessage } from "eventsource-parser";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import { checkEvent, UNDECODABLE_HEADER, type EventInit } from "../../model/event.ts";
import { isJsonDeeperThan } from "../../model/json-depth.ts";
import { parseOperation, type Operation } from "../../model/operation.ts";
import { compilePicks } from "../../net/pick.ts";
import type { ResolvedOptions } from "./options.ts";

/** A message as an event, and by what a second delivery of it is known. */
export interface Taken {
  readonly event: EventInit;
  readonly dedupe: string | undefined;
}

const NAME_HEADER = "sse-event";
const DEEPEST = 1_000;

/** Makes events of messages; `undefined` for one that is not to be taken. */
export function createMessageReader(
  options: Pick<ResolvedOptions, "events" | "eventAs" | "read" | "pick">,
  location: string,
): (message: EventSourceMessage) => Taken | undefined {
  const wanted = options.events && new Set(options.events);
  const picked = compilePicks(options.pick);

  return (message) => {
    const { id, event: name = "message", data } = message;
    if (wanted !== undefined && !wanted.has(name)) return undefined;
    const headers = { [NAME_HEADER]: name };
    const base: EventInit = {
      location: options.eventAs === "location" ? name : location,
      ...(options.eventAs === "operation" && { operation: operationOf(name) }),
      ...(id !== undefined && id !== "" && { id }),
    };
    // Servers count anew after a restart: an id alone is no identity, with its data it is.
    const dedupe =
      id === undefined || id === "" ? undefined : `${id}\n${hash("sha256", `${name}\n${data}`, "base64url")}`;
    try {
      const event = { ...base, ...fieldsOf(data), headers };
      checkEvent(event, location);
      return { event, dedupe };
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      const why = { [UNDECODABLE_HEADER]: error.message.toWellFormed() };
      return { event: { location, data, headers: { ...headers, ...why } }, dedupe };
    }
  };

  function fieldsOf(data: string): EventInit {
    if (options.read === "text") return { data };
    const document = parse(data);
    return picked === undefined ? { data: document } : picked(document);
  }
}

function parse(data: string): unknown {
  if (isJsonDeeperThan(data, DEEPEST))
    throw new SluiceError("INVALID_EVENT", "the data is nested too deeply");
  try {
    return JSON.parse(data) as unknown;
  } catch (error) {
    throw new SluiceError("INVALID_EVENT", `the data is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** `order.create` is create, as with CloudEvents. */
function operationOf(name: string): Operation {
  try {
    return parseOperation(name.slice(name.lastIndexOf(".") + 1));
  } catch {
    return "unknown";
  }
}
