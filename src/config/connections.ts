import { MASK } from "../model/mask.ts";
import { didYouMean } from "../model/suggest.ts";
import { toSnakeCase } from "./case.ts";
import type { Report } from "./checks.ts";
import { optionKeys } from "./option-keys.ts";
import type { Path } from "./positions.ts";
import { isPlainObject } from "./references.ts";
import type { AnyKind } from "./registry.ts";
import type { Fields } from "./schema.ts";

/** Of a `[connections.NAME]`, what must not be shown. */
const SECRETS: ReadonlySet<string> = new Set(["connection_string", "direct", "key"]);

/** Whether components of a kind may say `connection = "NAME"`: those that could write a connection string. */
export function takesConnection(kind: AnyKind): boolean {
  return optionKeys(kind).includes("connectionString");
}

/**
 * The fields of a component with those of the `[connections.NAME]` that it refers to in the place of its
 * `connection`, as far as its kind knows them.
 */
export function withConnection(
  kind: AnyKind,
  fields: Fields,
  connections: unknown,
  { path, what, report }: { readonly path: Path; readonly what: string; readonly report: Report },
): Fields {
  const { name, place, own, written } = referenceIn(kind, fields);
  if (name === undefined || !takesConnection(kind)) return fields;
  const named = isPlainObject(connections) ? connections : {};
  const wrong = (message: string): Fields => {
    report.atValue([...path, ...place], "INVALID_OPTIONS", `${what}: ${message}`);
    return own;
  };
  if (typeof name !== "string") return wrong('connection: expected the name of a "[connections.NAME]"');
  // Not repeated: it may hold a password.
  if (name.includes("://")) {
    return wrong(
      "connection is the name of a [connections.NAME]; write the address itself as connection_string",
    );
  }
  const found = Object.hasOwn(named, name) ? named[name] : undefined;
  if (!isPlainObject(found)) {
    const hint = didYouMean(name, Object.keys(named)) || "; write it as a table [connections.NAME]";
    return wrong(`there is no connection ${JSON.stringify(name)}${hint}`);
  }
  const known = new Set(optionKeys(kind).map(toSnakeCase));
  const shared = Object.entries(found).filter(([key]) => known.has(key));
  const double = shared.find(([key]) => written.has(key));
  if (double !== undefined) {
    return wrong(`connection ${JSON.stringify(name)} has its ${double[0]} already; write one of them`);
  }
  return { ...own, ...Object.fromEntries(shared) };
}

interface Reference {
  /** What `connection` says, beside the common keys or in `execution_context`; `undefined` if neither does. */
  readonly name: unknown;
  readonly place: Path;
  /** The fields without it. */
  readonly own: Fields;
  /** All keys that are written in either place. */
  readonly written: ReadonlySet<string>;
}

function referenceIn(kind: AnyKind, fields: Fields): Reference {
  const { connection: name, ...own } = fields;
  const nested = kind.role === "process" ? fields["execution_context"] : undefined;
  const context = isPlainObject(nested) ? nested : {};
  const written = new Set([...Object.keys(own), ...Object.keys(context)]);
  // In both places it is an option too many, which is said where options are read.
  if (name !== undefined || !Object.hasOwn(context, "connection")) {
    return { name, place: ["connection"], own, written };
  }
  const { connection, ...rest } = context;
  return {
    name: connection,
    place: ["execution_context", "connection"],
    own: { ...own, execution_context: rest },
    written,
  };
}

/** The connections as they were written, without what is secret in them. */
export function maskConnections(connections: unknown): unknown {
  if (!isPlainObject(connections)) return connections;
  return Object.fromEntries(
    Object.entries(connections).map(([key, value]) => [
      key,
      isPlainObject(value) ? maskConnections(value) : SECRETS.has(key) ? MASK : value,
    ]),
  );
}
