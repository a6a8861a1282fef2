import type { Registry, Role } from "./registry.ts";
import { hasReference, isPlainObject } from "./references.ts";
import { isSame } from "./same.ts";
import { SHAPES, type Fields } from "./schema.ts";

const REFERS = "has a reference to the environment or to a file";

/**
 * What of a pipeline may only be brought in by who could run code here anyway: components of kinds that run code, those
 * that read this machine's files or use its passwords, and references to the environment and to files. What stands in
 * the current one already may stay as it is, word for word: beside a reference no option of a kind may change, since
 * that may be where its secret is sent to.
 *
 * Both are trees of files as they are written: nothing of them need be resolved, loaded or opened to say so.
 */
export async function localOnly(
  before: Fields,
  after: Fields,
  registry: Registry,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const role of ["input", "process"] as const)
    for (const fields of listOf(after, role))
      found.push(...(await ofComponent(role, fields, before, after, registry)));
  return [
    ...found,
    ...ofTable("connections.", before["connections"], after["connections"]),
    ...ofRest(before, after),
  ];
}

async function ofComponent(
  role: Role,
  fields: Fields,
  before: Fields,
  after: Fields,
  registry: Registry,
): Promise<readonly string[]> {
  const { name, type } = fields;
  const own = ownFields(role, fields, after);
  const former = listOf(before, role).find((component) => component["name"] === name);
  if (former !== undefined && isSame(own, ownFields(role, former, before))) return [];
  const what = `${role} ${JSON.stringify(name)}`;
  const kind = typeof type === "string" ? await registry.load(role, type) : undefined;
  if (kind?.runsCode === true) return [`${what} is of type "${kind.type}", which runs code`];
  const local = kind?.readsLocal?.(allFields(fields, after));
  if (local !== undefined) return [`${what} is of type "${kind?.type}", which ${local}`];
  return hasReference(own) ? [`${what} ${REFERS}`] : [];
}

function listOf(tree: Fields, role: Role): readonly Fields[] {
  const list = tree[role];
  return Array.isArray(list) ? (list as unknown[]).filter(isPlainObject) : [];
}

/**
 * What a component has beyond the settings that all have, with the connection that it names; of those settings, what
 * has a reference.
 */
function ownFields(role: Role, fields: Fields, { connections }: Fields): Fields {
  const isCommon = (key: string): boolean =>
    key !== "type" && key !== "execution_context" && Object.hasOwn(SHAPES[role], key);
  const own = Object.entries(fields).filter(([key, value]) => !isCommon(key) || hasReference(value));
  return { fields: Object.fromEntries(own), connection: connectionOf(fields, connections) };
}

/** Wherever they stand. What stands in two places is refused when it is read. */
function allFields(fields: Fields, { connections }: Fields): Fields {
  const { execution_context: context, ...own } = fields;
  const connection = connectionOf(fields, connections);
  return {
    ...(isPlainObject(connection) && connection),
    ...(isPlainObject(context) && context),
    ...own,
  };
}

/** Beside a reference of the component's own it says where that goes; a component may name one in either place. */
function connectionOf({ connection, execution_context: context }: Fields, connections: unknown): unknown {
  const name = connection ?? (isPlainObject(context) ? context["connection"] : undefined);
  const isThere = typeof name === "string" && isPlainObject(connections) && Object.hasOwn(connections, name);
  return isThere ? connections[name] : undefined;
}

/** Each entry of a table by itself. */
function ofTable(prefix: string, before: unknown, after: unknown): readonly string[] {
  if (!isPlainObject(after)) return [];
  const old = isPlainObject(before) ? before : {};
  return Object.entries(after)
    .filter(([key, value]) => hasReference(value) && !isSame(value, old[key]))
    .map(([key]) => `${prefix}${key} ${REFERS}`);
}

/** Links, and the keys at the top. */
function ofRest(before: Fields, after: Fields): readonly string[] {
  const { link: oldLinks, ...old } = before;
  const { link: links, ...rest } = after;
  const known = Array.isArray(oldLinks) ? (oldLinks as unknown[]) : [];
  const added = (Array.isArray(links) ? (links as unknown[]) : []).filter(
    (link) => hasReference(link) && !known.some((other) => isSame(link, other)),
  );
  const tops = Object.entries(rest).filter(([key]) => !["input", "process", "connections"].includes(key));
  return [...added.map(() => `a link ${REFERS}`), ...ofTable("", old, Object.fromEntries(tops))];
}
