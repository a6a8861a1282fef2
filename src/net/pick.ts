import { SluiceError } from "../model/errors.ts";
import type { EventInit } from "../model/event.ts";
import { parseOperation } from "../model/operation.ts";
import { compilePointer } from "./pointer.ts";

/** Fields of an event that a JSON Pointer can pick out of a document. */
export type PickedField = "location" | "operation" | "id" | "key" | "time" | "data";

/** JSON Pointers by field. */
export type Picks = { readonly [Name in PickedField]?: string | undefined };

/** @throws SluiceError INVALID_EVENT or INVALID_OPERATION if what is found is not fit for its field */
export type Picker = (document: unknown) => EventInit;

/**
 * Makes an event of a document; `undefined` if there is nothing to pick. What a pointer does not find gets its default;
 * without a pointer for it, `data` is the whole document.
 */
export function compilePicks(picks: Picks = {}): Picker | undefined {
  const pointers = Object.entries(picks).flatMap(([field, pointer]) =>
    pointer === undefined ? [] : [[field as PickedField, compilePointer(pointer)] as const],
  );
  if (pointers.length === 0) return undefined;
  return (document) => {
    const event: Record<string, unknown> = { data: document };
    for (const [field, pointer] of pointers) {
      const value = pointer(document);
      if (field === "data") event["data"] = value ?? null;
      else if (value !== undefined && value !== null) event[field] = fieldOf(field, value);
    }
    return event;
  };
}

function fieldOf(field: PickedField, value: unknown): unknown {
  if (field === "operation") return parseOperation(value);
  if (field === "id") return String(exactId(value));
  if (typeof value === "string") return value;
  if (field !== "time" && typeof value === "number") return String(exactId(value));
  throw new SluiceError("INVALID_EVENT", `what pick.${field} finds must be text, not ${typeof value}`);
}

/** JSON numbers beyond 2^53 have lost digits by now: two records would share an id. */
export function exactId(id: unknown): string | number {
  if (typeof id === "string" || Number.isSafeInteger(id)) return id as string | number;
  if (typeof id === "number" && Math.abs(id) < Number.MAX_SAFE_INTEGER) return id;
  const shown = typeof id === "number" ? "a number beyond 2^53" : id === null ? "null" : typeof id;
  throw new SluiceError("INVALID_EVENT", `the event's id must be text or an exact number, not ${shown}`);
}
