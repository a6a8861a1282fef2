import type { Event } from "../../model/event.ts";
import { SluiceError } from "../../model/errors.ts";

/** A statement with `$1, $2, …` in place of its named parameters, and where each value comes from. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly (readonly string[])[];
}

const ROOTS = ["id", "uid", "location", "operation", "key", "time", "trigger", "data", "headers"] as const;

/**
 * The tokens of SQL in which a colon means nothing to us, longest first: comments, constants and quoted names, as
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html has them; then `::` and `:=`; then parameters.
 * Block comments nest, which no regular expression can follow: they are skipped by hand.
 */
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>--[^\n\r]*)`,
    String.raw`(?<block>\/\*)`,
    String.raw`(?<escaped>(?<![\w$\u0080-\uffff])[eE]'(?:[^'\\]|''|\\[^])*')`,
    String.raw`(?<string>'(?:[^']|'')*')`,
    String.raw`(?<quoted>"(?:[^"]|"")*")`,
    String.raw`(?<dollar>(?<![\w$\u0080-\uffff])\$(?<tag>(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$[^]*?\$\k<tag>\$)`,
    String.raw`(?<positional>(?<![\w$\u0080-\uffff])\$\d+)`,
    String.raw`(?<operator>::|:=)`,
    String.raw`:(?<root>[A-Za-z_][\w]*)(?<path>(?:\.(?:[A-Za-z_]\w*|\d+|"(?:[^"]|"")*"))*)`,
  ].join("|"),
  "gu",
);
const SEGMENT = /\.(?:"((?:[^"]|"")*)"|(\w+))/g;
/** Statements that would end or split the transaction in which the run is recorded. */
const TRANSACTION_CONTROL =
  /^(?:begin|start\s+transaction|commit|end|rollback(?!\s+(?:work\s+|transaction\s+)?to)|abort|prepare\s+transaction)\b/i;

/** As "cannot be executed within a transaction block" is said in the server's manual, reference of SQL commands. */
const REFUSES_TRANSACTION = new RegExp(
  [
    String.raw`^vacuum\b`,
    String.raw`^(?:create|drop)\s+(?:unique\s+)?index\s+concurrently\b`,
    String.raw`^reindex\b(?:.*\bconcurrently\b|\s*(?:\([^)]*\)\s*)?(?:schema|database|system)\b)`,
    String.raw`^(?:create|drop)\s+(?:database|tablespace)\b`,
    String.raw`^alter\s+system\b`,
    String.raw`^alter\s+database\b.*\bset\s+tablespace\b`,
    String.raw`^alter\s+table\b.*\bdetach\s+partition\b.*\bconcurrently\b`,
    String.raw`^(?:create|drop)\s+subscription\b`,
    String.raw`^cluster\s*(?:verbose\s*)?;?$`,
    String.raw`^discard\s+all\b`,
  ].join("|"),
  "is",
);

/**
 * Finds the named parameters of a statement: `:id`, `:data.total`, `:data.items.0.sku`, `:headers."ce-type"`.
 * None is looked for inside constants, quoted names and comments.
 *
 * @throws SluiceError INVALID_OPTIONS for an unknown name, `$1`, or a statement that controls the transaction.
 */
export function parseStatement(sql: string): Statement {
  const { text, parameters, plain } = scan(sql);
  if (plain.replaceAll(";", "").trim() === "") throw invalid(sql, "it is empty");
  if (TRANSACTION_CONTROL.test(plain.trim())) {
    throw invalid(
      sql,
      "it controls the transaction; all statements run in one, which sluice begins and commits",
    );
  }
  return { text, parameters };
}

/**
 * Whether the server runs the statement only by itself, outside of a transaction block. A CALL of a procedure that
 * commits cannot be told from any other.
 */
export function refusesTransaction(sql: string): boolean {
  try {
    return REFUSES_TRANSACTION.test(scan(sql).plain.trim());
  } catch {
    // What is wrong with it is told by parseStatement.
    return false;
  }
}

/** The statement as it is sent, its parameters, and, in `plain`, what is left without constants, names and comments. */
function scan(sql: string): Statement & { readonly plain: string } {
  const parameters: string[][] = [];
  let text = "";
  let plain = "";
  let from = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(sql); match !== null; match = TOKEN.exec(sql)) {
    const groups = match.groups as Record<string, string | undefined>;
    const before = sql.slice(from, match.index);
    plain += before;
    text += before;
    from = TOKEN.lastIndex;
    if (groups["block"] !== undefined) {
      from = endOfComment(sql, match.index);
      TOKEN.lastIndex = from;
      text += sql.slice(match.index, from);
    } else if (groups["root"] !== undefined) {
      const path = readPath(groups["root"], groups["path"] ?? "");
      parameters.push(path);
      text +=
        path.length === 1 && path[0] === "data" ? `$${parameters.length}::jsonb` : `$${parameters.length}`;
      plain += "?";
    } else if (groups["positional"] !== undefined) {
      throw invalid(sql, `${match[0]} is no value of the event; write :id or :data.total`);
    } else {
      text += match[0];
      plain += groups["comment"] === undefined ? "?" : "";
    }
  }
  text += sql.slice(from);
  plain += sql.slice(from);
  return { text, parameters, plain };
}

/** The values to bind, in order. What is not there is null; objects and lists are bound as JSON text. */
export function bindValues(statement: Statement, event: Event): (string | null)[] {
  return statement.parameters.map((path) => toText(valueAt(event, path), path));
}

function valueAt(event: Event, path: readonly string[]): unknown {
  let value: unknown = event;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** As text, whose type the server infers from where it stands; so that no digit of a number is lost on the way. */
function toText(value: unknown, path: readonly string[]): string | null {
  if (value === undefined) return null;
  if (path.length === 1 && path[0] === "data") return JSON.stringify(value);
  if (value === null) return null;
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}

function readPath(root: string, rest: string): string[] {
  if (!(ROOTS as readonly string[]).includes(root)) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `:${root} is no value of an event; there are ${ROOTS.map((name) => `:${name}`).join(", ")}, and :data.… and :headers.… by path (a colon that is none of ours, as in a slice, is followed by a space)`,
    );
  }
  const path = [root];
  for (const [, quoted, word] of rest.matchAll(SEGMENT))
    path.push(quoted?.replaceAll('""', '"') ?? (word as string));
  return path;
}

/** Where the block comment that starts at `start` ends; an unfinished one goes on to the end. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let match = mark.exec(sql); match !== null; match = mark.exec(sql)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return sql.length;
}

function invalid(sql: string, why: string): SluiceError {
  return new SluiceError("INVALID_OPTIONS", `statement ${JSON.stringify(sql.trim().slice(0, 60))}: ${why}`);
}
