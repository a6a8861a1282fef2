import type { Pipeline, PipelineInput, PipelineProcess } from "./pipeline.ts";
import { hasReference, isPlainObject } from "./references.ts";
import { isSame } from "./same.ts";
import { SHAPES, type Fields } from "./schema.ts";

const REFERS = "has a reference to the environment or to a file";

/**
 * What of a pipeline may only be brought in by who could run code here anyway: components of kinds that run code, and
 * references to the environment and to files. What stands in the current one already may stay as it is, word for
 * word: beside a reference no option of a kind may change, since that may be where its secret is sent to.
 */
export function localOnly(current: Pipeline, next: Pipeline): readonly string[] {
  const [before, after] = [current, next].map(({ document }) => document?.tree ?? {}) as [Fields, Fields];
  return [
    ...next.inputs.flatMap((input) => ofComponent(input, before, after)),
    ...next.processes.flatMap((process) => ofComponent(process, before, after)),
    ...ofTable("connections.", before["connections"], after["connections"]),
    ...ofRest(before, after),
  ];
}

function ofComponent(
  { role, name, type, made }: PipelineInput | PipelineProcess,
  before: Fields,
  after: Fields,
): readonly string[] {
  const own = ownFields(role, find(after, role, name));
  if (isSame(own, ownFields(role, find(before, role, name)))) return [];
  const what = `${role} "${name}"`;
  if (made?.kind.runsCode === true) return [`${what} is of type "${type}", which runs code`];
  return hasReference(own) ? [`${what} ${REFERS}`] : [];
}

function find(tree: Fields, role: "input" | "process", name: string): Fields | undefined {
  const list = tree[role];
  if (!Array.isArray(list)) return undefined;
  return (list as unknown[]).filter(isPlainObject).find((component) => component["name"] === name);
}

/** What a component has beyond the settings that all have; of those, what has a reference. */
function ownFields(role: "input" | "process", fields: Fields | undefined): Fields | undefined {
  if (fields === undefined) return undefined;
  const isCommon = (key: string): boolean =>
    key !== "type" && key !== "execution_context" && Object.hasOwn(SHAPES[role], key);
  return Object.fromEntries(
    Object.entries(fields).filter(([key, value]) => !isCommon(key) || hasReference(value)),
  );
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
