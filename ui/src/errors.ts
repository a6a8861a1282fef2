import type { ErrorRecord } from "./types.ts";

/** What went wrong, with the code that the server or the client gave it. */
export function toRecord(error: unknown): ErrorRecord {
  const { code, message } = (error ?? {}) as Partial<ErrorRecord>;
  if (typeof code === "string" && typeof message === "string") return { code, message };
  return { code: "PAGE", message: error instanceof Error ? error.message : String(error) };
}
