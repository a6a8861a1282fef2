import { datasetsMeet, formatDataset, type Dataset } from "../model/dataset.ts";
import type { Operation } from "../model/operation.ts";
import type { ComponentNode, InputNode, LinkSpec, ProcessNode } from "./types.ts";

/** What the search needs to know of a topology. */
export interface Flow {
  readonly nodes: ReadonlyMap<string, ComponentNode>;
  /** Links that leave a node, by its name. */
  readonly links: ReadonlyMap<string, readonly LinkSpec[]>;
}

/** One way from a process to another: by a link, or through a dataset, the input that reads it, and a link. */
interface Step {
  readonly to: string;
  /** What lies between the two, for the message. */
  readonly via: readonly string[];
}

/**
 * The cycle that `link` would close, as names from its target back to it; `undefined` if it closes none. Datasets
 * count: who writes what an input reads feeds that input, as far as operations meet, from the write through the
 * input to the link. Links with `loop` break a cycle: it is meant.
 */
export function findCycle(flow: Flow, link: LinkSpec): readonly string[] | undefined {
  if (link.loop === true) return undefined;
  const arrivals = origins(flow, link);
  if (arrivals.size === 0) return undefined;
  const seen = new Set([link.to]);
  let paths: (readonly [string, ...string[]])[] = [[link.to]];
  for (;;) {
    const longer: typeof paths = [];
    for (const path of paths) {
      const here = path.at(-1) as string;
      const closing = arrivals.get(here);
      if (closing !== undefined) return [...path, ...closing, link.to];
      for (const step of steps(flow, here)) {
        if (seen.has(step.to)) continue;
        seen.add(step.to);
        longer.push([path[0], ...path.slice(1), ...step.via, step.to]);
      }
    }
    if (longer.length === 0) return undefined;
    paths = longer;
  }
}

/** The processes whose work reaches `link`, with what lies between. */
function origins(flow: Flow, link: LinkSpec): Map<string, readonly string[]> {
  const source = flow.nodes.get(link.from) as ComponentNode;
  if (source.role === "process") return new Map([[source.name, []]]);
  const found = new Map<string, readonly string[]>();
  for (const node of flow.nodes.values()) {
    if (node.role !== "process") continue;
    const written = node.writes.find((dataset) => feeds(dataset, source, link));
    if (written !== undefined) found.set(node.name, [formatDataset(written), source.name]);
  }
  return found;
}

function* steps(flow: Flow, name: string): Iterable<Step> {
  const node = flow.nodes.get(name) as ProcessNode;
  for (const link of flow.links.get(name) ?? []) {
    if (link.loop !== true) yield { to: link.to, via: [] };
  }
  for (const input of flow.nodes.values()) {
    if (input.role !== "input") continue;
    for (const link of flow.links.get(input.name) ?? []) {
      if (link.loop === true) continue;
      const written = node.writes.find((dataset) => feeds(dataset, input, link));
      if (written !== undefined) yield { to: link.to, via: [formatDataset(written), input.name] };
    }
  }
}

/** Whether what is written reaches the far end of a link that leaves `input`. */
function feeds(written: Dataset, input: InputNode, link: LinkSpec): boolean {
  const passed = narrow(
    narrow(written, input.operations),
    link.operations as readonly Operation[] | undefined,
  );
  return passed !== undefined && input.reads.some((read) => datasetsMeet(passed, read));
}

function narrow(
  dataset: Dataset | undefined,
  only: readonly Operation[] | undefined,
): Dataset | undefined {
  if (dataset === undefined || only === undefined) return dataset;
  const operations = dataset.operations?.filter((operation) => only.includes(operation)) ?? only;
  return operations.length === 0 ? undefined : { ...dataset, operations };
}
