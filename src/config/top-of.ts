import type { Pipeline } from "./pipeline.ts";
import { TOP, type Fields } from "./schema.ts";

/**
 * The components and links of one pipeline under what another says at its top: name, journal, listeners and the like,
 * which a file says and a start reads, whatever is applied later.
 */
export function withTopOf(top: Pipeline, parts: Pipeline): Pipeline {
  const { inputs, processes, links, topology, warnings, directory, file, document } = parts;
  const tree = { ...withoutTop(document?.tree ?? {}), ...onlyTop(top.document?.tree ?? {}) };
  const masked = { ...onlyTop(top.masked), ...withoutTop(parts.masked) };
  return {
    ...top,
    inputs,
    processes,
    links,
    topology,
    warnings,
    directory,
    file,
    masked,
    document: document && { ...document, tree },
  };
}

export function withoutTop(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !isTop(key)));
}

function onlyTop(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => isTop(key)));
}

/** Connections belong to the components that name them. */
function isTop(key: string): boolean {
  return key !== "connections" && Object.hasOwn(TOP, key);
}
