import { createHash } from "node:crypto";
import type { ErrorRecord } from "../model/errors.ts";

/** What differs from one occurrence of an error to the next: uuids and long hex, quoted values, numbers. */
const VARYING =
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b0x[0-9a-f]+\b|"[^"]*"|'[^']*'|`[^`]*`|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d+/gi;

/** As much of a message as tells errors apart; what follows is mostly data. */
const COMPARED = 500;

/** The same text for occurrences of one error in one process. */
export function fingerprintOf(process: string, error: ErrorRecord): string {
  return digest(patternOf(process, error));
}

/** What a fingerprint is made of: cheaper to compare by, where there are many. */
export function patternOf(process: string, { code, message }: ErrorRecord): string {
  return `${process}\n${code}\n${message.slice(0, COMPARED).replace(VARYING, "…")}`;
}

export function digest(pattern: string): string {
  return createHash("sha256").update(pattern).digest("hex").slice(0, 16);
}
