import { createHash } from "node:crypto";
import type { ErrorRecord } from "../model/errors.ts";

/** What differs from one occurrence of an error to the next: uuids and long hex, quoted values, numbers. */
const VARYING =
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b0x[0-9a-f]+\b|"[^"]*"|'[^']*'|`[^`]*`|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d+/gi;

/** As much of a message as tells errors apart; what follows is mostly data. */
const COMPARED = 500;

/** The same text for occurrences of one error in one process. */
export function fingerprintOf(process: string, { code, message }: ErrorRecord): string {
  const pattern = message.slice(0, COMPARED).replace(VARYING, "…");
  return createHash("sha256").update(`${process}\n${code}\n${pattern}`).digest("hex").slice(0, 16);
}
