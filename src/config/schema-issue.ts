import type { ErrorCode } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";

/** The slice of an issue of Standard Schema, and of zod, that is read. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly SchemaIssue[])[];
  /** Of a choice, what may be chosen. */
  readonly values?: readonly unknown[];
  readonly params?: { readonly code?: ErrorCode };
}

/** What was refused, for the cure. */
export interface Refused {
  /** As the file spells it. */
  readonly key: string | number | undefined;
  readonly value: unknown;
  /** Whether a message may quote it. */
  readonly isShown: boolean;
}

export const MISSING = "it is missing";

/** Of a union, the one branch that fits but for something inside it, if there is just one. */
export function closestBranch(issue: SchemaIssue): readonly SchemaIssue[] | undefined {
  if (issue.code !== "invalid_union") return undefined;
  const near = (issue.errors ?? []).filter((branch) => branch.every((inner) => !isWrongType(inner)));
  return near.length === 1 ? near[0] : undefined;
}

function isWrongType(issue: SchemaIssue): boolean {
  return issue.code === "invalid_type" && (issue.path ?? []).length === 0;
}

/** In our words: what is wrong and, where it can be told, what to write instead. */
export function messageOf(issue: SchemaIssue, refused: Refused): string {
  const all = issue.code === "invalid_union" ? (issue.errors ?? []).flat() : [issue];
  if (all.length > 0 && all.every((inner) => isMissing(inner))) return MISSING;
  const wanted = all.flatMap((inner) => /expected (\w+)/.exec(inner.message)?.[1] ?? []);
  const known = [...new Set(wanted)];
  const message =
    issue.code === "invalid_union" && known.length > 0 ? `expected ${known.join(" or ")}` : ownWords(issue);
  return `${message}${cure(issue, known, refused)}`;
}

function ownWords({ message }: SchemaIssue): string {
  return message.replace(/^(?:Invalid input|Invalid option|Too small|Too big|Invalid string): /, "");
}

function isMissing(issue: SchemaIssue): boolean {
  return issue.message.endsWith("received undefined");
}

function cure(issue: SchemaIssue, wanted: readonly string[], { key, value, isShown }: Refused): string {
  if (issue.code === "invalid_type" && wanted.length === 1) {
    const isPlain = typeof value === "number" || typeof value === "boolean";
    if (isPlain && wanted[0] === "string") return "; write it in quotes";
    if (value !== undefined && (wanted[0] === "object" || wanted[0] === "record"))
      return `; write a table: ${typeof key === "string" ? `${key} = { … }` : "{ … }"}`;
  }
  if (typeof value !== "string") return "";
  const choices = (issue.values ?? []).filter((choice) => typeof choice === "string");
  if (choices.length > 0) return didYouMean(value, choices);
  if (issue.code !== "invalid_type" && issue.code !== "invalid_union") return "";
  const isBare =
    (wanted.includes("boolean") && /^(?:true|false)$/.test(value)) ||
    (wanted.some((type) => type === "number" || type === "int") && /^-?\d+(?:\.\d+)?$/.test(value));
  if (isBare) return isShown ? `; write ${value}, without quotes` : "";
  if (!wanted.includes("array")) return "";
  const words = isShown ? wordsOf(value) : ["…"];
  const list = `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
  return `; write a list: ${typeof key === "string" ? `${key} = ${list}` : list}`;
}

/** A program and its arguments, or several names; not what needs a shell to be taken apart. */
function wordsOf(text: string): readonly string[] {
  return /["'`\\$|&;<>(){}]/.test(text) ? ["…"] : text.split(/[\s,]+/).filter((word) => word !== "");
}
