import { SluiceError } from "./errors.ts";

/** What happened to the record that an event speaks of. `unknown` stands for an absent operation. */
export type Operation = "create" | "read" | "update" | "delete" | "unknown";

/** Every operation, in the order in which messages list them. */
export const OPERATIONS: readonly Operation[] = ["create", "read", "update", "delete", "unknown"];

const SPELLINGS: ReadonlyMap<string, Operation> = new Map([
  ["create", "create"],
  ["insert", "create"],
  ["read", "read"],
  ["update", "update"],
  ["delete", "delete"],
  ["remove", "delete"],
  ["unknown", "unknown"],
]);

/**
 * Reads an operation in any case, with `insert` for `create` and `remove` for `delete`.
 * An absent one (`undefined` or `null`) is `unknown`.
 *
 * @throws SluiceError INVALID_OPERATION for anything else, the empty string too.
 */
export function parseOperation(value: unknown): Operation {
  if (value === undefined || value === null) return "unknown";
  const operation = typeof value === "string" ? SPELLINGS.get(value.toLowerCase()) : undefined;
  if (operation !== undefined) return operation;
  throw new SluiceError(
    "INVALID_OPERATION",
    `${JSON.stringify(value)} is not an operation; use create (or insert), read, update, delete (or remove)`,
  );
}
