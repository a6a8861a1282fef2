import { resolve } from "node:path";
import { createMask, MASK, type Redact } from "../model/mask.ts";
import { readSmallFile } from "../options/small-file.ts";
import type { Path } from "./positions.ts";

const REFERENCE = /(\$?)\$\{(env|file):([^}]*)\}/g;
/** `${NAME}`, `${ENV:NAME}`: meant as a reference, and none. Inside a longer text it may be a shell's or a template's. */
const MISWRITTEN = /^(\$?)\$\{(?!(?:env|file):)(?:\w+:)?([^}]*)\}$/;
const FILE_LIMIT = 1_000_000;

/** A value tree with its references filled in. */
export interface Resolved {
  readonly value: unknown;
  /** The same tree with {@link MASK} where a reference stands. */
  readonly masked: unknown;
  /** What references stood for. */
  readonly secrets: readonly string[];
}

export interface ReferenceSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative paths of `${file:…}` start. */
  readonly directory: string;
}

/**
 * Fills in `${env:NAME}` and `${file:PATH}`, in strings anywhere in a tree; `$${env:NAME}` stands for that text
 * itself. One line end at the end of a file is dropped. What cannot be found is reported, and left as it is.
 */
export function resolveReferences(
  tree: unknown,
  sources: ReferenceSources,
  report: (path: Path, message: string) => void,
): Resolved {
  const secrets = new Set<string>();

  function walk(value: unknown, path: Path): readonly [value: unknown, masked: unknown] {
    if (typeof value === "string") return fill(value, path);
    if (Array.isArray(value)) {
      const pairs = value.map((item, index) => walk(item, [...path, index]));
      return [pairs.map(([item]) => item), pairs.map(([, masked]) => masked)];
    }
    if (!isPlainObject(value)) return [value, value];
    const entries = Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])] as const);
    return [
      Object.fromEntries(entries.map(([key, [item]]) => [key, item])),
      Object.fromEntries(entries.map(([key, [, masked]]) => [key, masked])),
    ];
  }

  function fill(text: string, path: Path): readonly [value: string, masked: string] {
    if (!text.includes("${")) return [text, text];
    const [, escaped, meant] = MISWRITTEN.exec(text) ?? [];
    if (escaped === "$") return [text.slice(1), text.slice(1)];
    if (meant !== undefined) {
      report(
        path,
        `${text} refers to nothing; write \${env:${meant}}, \${file:PATH}, or $${text} for that text itself`,
      );
      return [text, text];
    }
    const filled = text.replace(REFERENCE, (whole, escaped: string, source: string, name: string) => {
      if (escaped !== "") return whole.slice(1);
      try {
        const found = source === "env" ? fromEnvironment(name) : fromFile(name);
        if (found !== "") secrets.add(found);
        return found;
      } catch (error) {
        report(path, `${whole}: ${(error as Error).message}`);
        return whole;
      }
    });
    const masked = text.replace(REFERENCE, (whole, escaped: string) =>
      escaped === "" ? MASK : whole.slice(1),
    );
    return [filled, masked];
  }

  function fromEnvironment(name: string): string {
    const found = Object.hasOwn(sources.environment, name) ? sources.environment[name] : undefined;
    if (found !== undefined) return found;
    throw new Error(
      `the environment variable ${JSON.stringify(name)} is not set; set it where sluice is started`,
    );
  }

  function fromFile(path: string): string {
    const text = readSmallFile(resolve(sources.directory, path), FILE_LIMIT).toString("utf8");
    return text.replace(/\r?\n$/, "");
  }

  const [value, masked] = walk(tree, []);
  return { value, masked, secrets: [...secrets] };
}

/** Whether there is a reference anywhere in a tree. */
export function hasReference(tree: unknown): boolean {
  if (typeof tree === "string") return [...tree.matchAll(REFERENCE)].some(([, escaped]) => escaped === "");
  if (typeof tree !== "object" || tree === null) return false;
  return Object.values(tree).some(hasReference);
}

/** Whether a text is a reference and nothing else, or was meant as one. */
export function isReference(text: string): boolean {
  return /^\$\{[^}]*\}$/.test(text);
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** As `createMask`, however a message quotes the secrets: by the line, without spaces around, as JSON, a password alone. */
export function createRedactor(secrets: Iterable<string>): Redact {
  const texts = new Set<string>();
  for (const secret of secrets) {
    for (const text of [secret, secret.trim(), ...secret.split(/\r?\n/), ...passwordsOf(secret)]) {
      texts.add(text);
      texts.add(JSON.stringify(text).slice(1, -1));
    }
  }
  return createMask(texts);
}

/** What must not be shown of a pipeline that changes: what was secret once stays so. */
export class Secrets {
  #known: ReadonlySet<string>;
  #redact: Redact;

  constructor(secrets: ReadonlySet<string>) {
    this.#known = secrets;
    this.#redact = createRedactor(secrets);
  }

  readonly redact: Redact = (text) => this.#redact(text);

  add(secrets: ReadonlySet<string>): void {
    const all = new Set([...this.#known, ...secrets]);
    if (all.size === this.#known.size) return;
    this.#known = all;
    this.#redact = createRedactor(all);
  }
}

/** A client that cannot connect may quote the password of its URL, without the rest. */
function passwordsOf(text: string): readonly string[] {
  if (!URL.canParse(text)) return [];
  const { password } = new URL(text);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
