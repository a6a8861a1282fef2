import type { ErrorCode } from "../model/errors.ts";
import type { OptionsSchema } from "../model/kind.ts";
import { didYouMean } from "../model/suggest.ts";
import type { ConfigIssue, Position } from "./issue.ts";
import type { Path, Positions } from "./positions.ts";
import { closestBranch, messageOf, MISSING, type SchemaIssue } from "./schema-issue.ts";

/** Collects what is wrong, with the place of it. */
export class Report {
  readonly issues: ConfigIssue[] = [];
  readonly warnings: ConfigIssue[] = [];
  readonly file: string;
  readonly #positions: Positions;
  /** Values that could not be filled in: what else is wrong with them follows from that. */
  readonly #unset = new Set<string>();
  /** What references stood for. */
  #filledIn: ReadonlySet<unknown> = new Set();

  constructor(file: string, positions: Positions) {
    this.file = file;
    this.#positions = positions;
  }

  filledIn(values: readonly string[]): void {
    this.#filledIn = new Set(values);
  }

  isFilledIn(value: unknown): boolean {
    return this.#filledIn.has(value);
  }

  atKey(path: Path, code: ErrorCode, message: string): void {
    this.#add(this.issues, this.#positions.keyAt(path), code, message);
  }

  unset(path: Path, message: string): void {
    this.#add(this.issues, this.#positions.valueAt(path), "UNSET_REFERENCE", message);
    this.#unset.add(JSON.stringify(path));
  }

  atValue(path: Path, code: ErrorCode, message: string): void {
    if (this.#unset.has(JSON.stringify(path))) return;
    this.#add(this.issues, this.#positions.valueAt(path), code, message);
  }

  warn(path: Path, code: ErrorCode, message: string): void {
    this.#add(this.warnings, this.#positions.valueAt(path), code, message);
  }

  #add(list: ConfigIssue[], position: Position, code: ErrorCode, message: string): void {
    list.push({ file: this.file, ...position, code, message });
  }
}

export interface Reading {
  readonly report: Report;
  /** Where the value is. */
  readonly path: Path;
  /** What it is called in messages, such as `input "orders"`; empty at the top. */
  readonly what: string;
  /** Keys that are known where the value is, for suggestions. */
  readonly known?: Iterable<string>;
  /** What to say of an unknown key of the value that has its place elsewhere. Defaults to nothing. */
  readonly elsewhere?: (key: string) => string;
  /** Keys that are known in the table that stands at a key of the value. Defaults to none. */
  readonly within?: (key: string) => Iterable<string>;
  /** What to add if a key is missing. Defaults to nothing. */
  readonly ifMissing?: (key: Path[number] | undefined) => string;
  /** Keys whose values no message may quote. Defaults to none. */
  readonly secrets?: readonly string[] | undefined;
  /** From a key at the value's top to the way to it in the file. Defaults to the key itself. */
  readonly toFile?: (key: string) => Path;
}

/** Checks a value; reports all that is wrong with it and answers `undefined`, or answers what it stands for. */
export function read<Out>(
  schema: OptionsSchema<unknown, Out>,
  value: unknown,
  reading: Reading,
): Out | undefined {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new TypeError(`the schema of ${reading.what} is asynchronous`);
  if (result.issues === undefined) return result.value;
  for (const issue of result.issues) reportIssue(issue, value, reading);
  return undefined;
}

function reportIssue(issue: SchemaIssue, whole: unknown, reading: Reading): void {
  const { report, what, known = [] } = reading;
  const local = (issue.path ?? []).map((part) => {
    const key = typeof part === "object" ? part.key : part;
    return typeof key === "number" ? key : String(key);
  });
  const shown = toFilePath(local, reading);
  const path = [...reading.path, ...shown];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys ?? []) {
      const at = toFilePath([...local, key], reading);
      const near = local.length === 0 ? known : (reading.within?.(String(local[0])) ?? []);
      const unknown = String(at.at(-1));
      const hint = didYouMean(unknown, near) || (reading.elsewhere?.(unknown) ?? "");
      report.atKey(
        [...reading.path, ...at],
        "UNKNOWN_KEY",
        `${prefix(what, shown)}there is no key ${JSON.stringify(at.at(-1))}${hint}`,
      );
    }
    return;
  }
  const closest = closestBranch(issue);
  if (closest !== undefined) {
    for (const inner of closest)
      reportIssue({ ...inner, path: [...(issue.path ?? []), ...(inner.path ?? [])] }, whole, reading);
    return;
  }
  const value = valueAt(whole, local);
  const isShown = !report.isFilledIn(value) && reading.secrets?.includes(String(local[0])) !== true;
  const message = messageOf(issue, { key: path.at(-1), value, isShown });
  const more = message === MISSING ? (reading.ifMissing?.(path.at(-1)) ?? "") : "";
  report.atValue(path, issue.params?.code ?? "INVALID_OPTIONS", `${prefix(what, shown)}${message}${more}`);
}

function valueAt(whole: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
    whole,
  );
}

function toFilePath(local: Path, { toFile }: Reading): Path {
  const [first, ...rest] = local;
  return typeof first === "string" && toFile !== undefined ? [...toFile(first), ...rest] : local;
}

function prefix(what: string, path: Path): string {
  const parts = [what, path.join(".")].filter((part) => part !== "");
  return parts.length === 0 ? "" : `${parts.join(", ")}: `;
}
