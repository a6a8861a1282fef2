import { SluiceError } from "./errors.ts";

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

/**
 * Checks the name of an input or process: 1–100 letters, digits, `_`, `-` and `.`, not starting with `-` or `.`.
 * A name stands in run ids, URLs and metrics, so nothing in it ever needs escaping. It is also a key of
 * objects, so that what every object has (`__proto__`, `constructor`, …) is no name.
 *
 * @throws SluiceError INVALID_NAME
 */
export function checkName(name: unknown, what: string): string {
  if (typeof name === "string" && NAME.test(name) && !(name in Object.prototype)) return name;
  throw new SluiceError(
    "INVALID_NAME",
    `${what} has the name ${JSON.stringify(name)}; a name has 1 to 100 letters, digits, "_", "-" or "." and starts with a letter, digit or "_"; "constructor" and the like, which every object has, are no names`,
  );
}

/** Whose state in the journal that of the pipeline itself is. No component can be called so. */
export const PIPELINE_OWNER = "$pipeline";
