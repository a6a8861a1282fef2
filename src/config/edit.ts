import { SluiceError } from "../model/errors.ts";
import type { PipelineEdit } from "../model/pipeline-plan.ts";
import { isPlainObject } from "./references.ts";
import type { Fields } from "./schema.ts";

/**
 * A file's tree with one change. What links to a component that goes away goes with it.
 *
 * @throws SluiceError UNKNOWN_NAME for what is to be removed and is not there
 */
export function editTree(tree: Fields, edit: PipelineEdit): Fields {
  if ("put" in edit) return edit.put === "link" ? addLink(tree, edit.fields) : putComponent(tree, edit);
  return edit.remove === "link" ? removeLink(tree, edit) : removeComponent(tree, edit);
}

/** For people: which change it is. */
export function describeEdit(edit: PipelineEdit): string {
  if ("put" in edit) return edit.put === "link" ? "add a link" : `put ${edit.put} ${edit.name}`;
  return edit.remove === "link"
    ? `remove link ${edit.from} → ${edit.to}`
    : `remove ${edit.remove} ${edit.name}`;
}

function addLink(tree: Fields, fields: Fields): Fields {
  return { ...tree, link: [...listOf(tree, "link"), fields] };
}

function putComponent(
  tree: Fields,
  edit: { put: "input" | "process"; name: string; fields: Fields },
): Fields {
  const list = listOf(tree, edit.put);
  const at = list.findIndex((component) => component["name"] === edit.name);
  const component = { ...edit.fields, name: edit.name };
  return { ...tree, [edit.put]: at === -1 ? [...list, component] : list.with(at, component) };
}

function removeComponent(
  tree: Fields,
  { remove, name }: { remove: "input" | "process"; name: string },
): Fields {
  const list = listOf(tree, remove);
  const rest = list.filter((component) => component["name"] !== name);
  if (rest.length === list.length) {
    throw new SluiceError("UNKNOWN_NAME", `there is no ${remove} named ${JSON.stringify(name)}`);
  }
  const links = listOf(tree, "link").filter((link) => fromOf(link) !== name && toOf(link) !== name);
  const edited = { ...tree, [remove]: rest, link: links };
  return { ...edited, process: listOf(edited, "process").map((process) => withoutSource(process, name)) };
}

function removeLink(tree: Fields, { from, to }: { from: string; to: string }): Fields {
  const links = listOf(tree, "link");
  const rest = links.filter((link) => fromOf(link) !== from || toOf(link) !== to);
  const processes = listOf(tree, "process");
  const without = processes.map((process) =>
    process["name"] === to ? withoutSource(process, from) : process,
  );
  const isGone = rest.length < links.length || without.some((process, at) => process !== processes[at]);
  if (!isGone) throw new SluiceError("UNKNOWN_NAME", `there is no link ${from} → ${to}`);
  return { ...tree, link: rest, process: without };
}

/** A process whose `on` does not name a source any more. */
function withoutSource(process: Fields, source: string): Fields {
  const { on, ...rest } = process;
  const sources = [on].flat().filter((one) => one !== undefined);
  if (!sources.includes(source)) return process;
  const left = sources.filter((one) => one !== source);
  return left.length === 0 ? rest : { ...rest, on: left };
}

function fromOf(link: Fields): unknown {
  return link["from"] ?? link["input"];
}

function toOf(link: Fields): unknown {
  return link["to"] ?? link["process"];
}

function listOf(tree: Fields, part: "input" | "process" | "link"): readonly Fields[] {
  const list = tree[part];
  return Array.isArray(list) ? (list as unknown[]).filter(isPlainObject) : [];
}
