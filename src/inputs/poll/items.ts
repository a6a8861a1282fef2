import { hash } from "node:crypto";
import { isSluiceError } from "../../model/errors.ts";
import { checkEvent, UNDECODABLE_HEADER, type EventInit } from "../../model/event.ts";
import { compilePicks } from "../../net/pick.ts";
import { compilePointer } from "../../net/pointer.ts";
import type { ResolvedOptions } from "./options.ts";

/** An item as an event, and what it is told again by. */
export interface Item {
  readonly event: EventInit;
  readonly key: string;
  readonly version: string;
}

/** Keys and versions that are longer are hashed. */
const LONGEST = 100;

export function createItemReader(
  options: Pick<ResolvedOptions, "pick" | "version" | "items">,
  location: string,
): (item: unknown) => Item {
  const picked = compilePicks(options.pick);
  const versionIn = options.version === undefined ? undefined : compilePointer(options.version);

  function eventOf(item: unknown): EventInit {
    try {
      const event = { location, ...(picked === undefined ? { data: item } : picked(item)) };
      checkEvent(event, location);
      return event;
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      // It stops nothing, and is not lost.
      return { location, data: item, headers: { [UNDECODABLE_HEADER]: error.message.toWellFormed() } };
    }
  }

  return (item) => {
    const event = eventOf(item);
    const content = JSON.stringify(event.data ?? null);
    const version = versionIn?.(item);
    const own = event.id ?? (options.items === undefined ? "" : content);
    return {
      event,
      key: short(event.location === location ? String(own) : `${event.location}\n${own}`),
      version: short(version === undefined || version === null ? content : JSON.stringify(version)),
    };
  };
}

function short(text: string): string {
  return text.length <= LONGEST ? text : `#${hash("sha256", text, "base64url")}`;
}
