import type { ComponentState } from "../../model/component.ts";

/** The key under which a program's cursor is kept. */
export const CURSOR = "cursor";

/** The program's cursor as JSON; `undefined` if it never told one, or took it back by `null`. */
export async function readCursor(state: ComponentState): Promise<string | undefined> {
  const value = (await state.get(CURSOR))?.value;
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}
