import { isSluiceError, type ErrorCode } from "./errors.ts";

/** The slice of what zod hands to a check (`z.core.ParsePayload`) that is used. */
interface Checked<T> {
  readonly value: T;
  readonly issues: unknown[];
}

/**
 * Makes a check for a zod schema of one of our own parsers: `z.string().check(checkedBy(parseTable))`. What the parser
 * refuses becomes an issue with its message, and its code as `params.code`.
 */
export function checkedBy<T>(parse: (value: T) => unknown): (checked: Checked<T>) => void {
  return ({ value, issues }) => {
    try {
      parse(value);
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      const params: { readonly code: ErrorCode } = { code: error.code };
      issues.push({ code: "custom", input: value, message: error.message, params });
    }
  };
}
