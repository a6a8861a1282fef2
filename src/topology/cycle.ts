import { datasetsMeet, formatDataset, type Dataset } from "../model/dataset.ts";
import type { Operation } from "../model/operation.ts";
import type { ComponentNode, InputNode, LinkSpec, ProcessNode } from "./types.ts";

/** What the search needs to know of a topology. */
export interface Flow {
  node(name: string): ComponentNode | undefined;
  /** Links that leave a node. */
  linksFrom(name: string): readonly { readonly spec: LinkSpec }[];
  /** Inputs that read a dataset of this name, in whatever database. */
  readersOf(dataset: string): Iterable<InputNode>;
  /** Processes that write a dataset of this name, in whatever database. */
  writersOf(dataset: string): Iterable<ProcessNode>;
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
  const source = flow.node(link.from) as ComponentNode;
  if (source.role === "process") return new Map([[source.name, []]]);
  const found = new Map<string, readonly string[]>();
  for (const read of source.reads) {
    for (const writer of flow.writersOf(read.name)) {
      const written = writer.writes.find((dataset) => feeds(dataset, source, link));
      if (written !== undefined) found.set(writer.name, [formatDataset(written), source.name]);
    }
  }
  return found;
}

function* steps(flow: Flow, name: string): Iterable<Step> {
  for (const { spec } of flow.linksFrom(name)) {
    if (spec.loop !== true) yield { to: spec.to, via: [] };
  }
  for (const written of (flow.node(name) as ProcessNode).writes) {
    for (const input of flow.readersOf(written.name)) {
      for (const { spec } of flow.linksFrom(input.name)) {
        if (spec.loop === true || !feeds(written, input, spec)) continue;
        yield { to: spec.to, via: [formatDataset(written), input.name] };
      }
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

function narrow(dataset: Dataset | undefined, only: readonly Operation[] | undefined): Dataset | undefined {
  if (dataset === undefined || only === undefined) return dataset;
  const operations = dataset.operations?.filter((operation) => only.includes(operation)) ?? only;
  return operations.length === 0 ? undefined : { ...dataset, operations };
}
