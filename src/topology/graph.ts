import { formatDataset, type Dataset } from "../model/dataset.ts";
import type { ComponentNode, Graph, GraphEdge, GraphNode, LinkSpec } from "./types.ts";

/** The DAG for people: components in their order, then datasets as they are met; links, then reads and writes. */
export function buildGraph(components: readonly ComponentNode[], links: readonly LinkSpec[]): Graph {
  const textOf = datasetNaming(components);
  const datasets = new Set<string>();
  const edges: GraphEdge[] = links.map((link) => ({ ...link, kind: "link" }));
  for (const component of components) {
    for (const [dataset, operations] of together(component.reads, textOf)) {
      datasets.add(dataset);
      edges.push({
        from: dataset,
        to: component.name,
        kind: "reads",
        ...(operations && { operations }),
      });
    }
    if (component.role !== "process") continue;
    for (const [dataset, operations] of together(component.writes, textOf)) {
      datasets.add(dataset);
      edges.push({
        from: component.name,
        to: dataset,
        kind: "writes",
        ...(operations && { operations }),
      });
    }
  }
  const nodes: GraphNode[] = components.map(({ role, name, type }) => ({
    id: name,
    role,
    name,
    type,
  }));
  for (const id of datasets) nodes.push({ id, role: "dataset", name: id, type: "dataset" });
  return { nodes, edges };
}

/**
 * A dataset that does not say its namespace is shown as the one that does, if there is just one of its name: they
 * are joined in the search for cycles, and so they are in the picture.
 */
function datasetNaming(components: readonly ComponentNode[]): (dataset: Dataset) => string {
  const spaces = new Map<string, Set<string>>();
  for (const component of components) {
    const all = component.role === "process" ? [...component.reads, ...component.writes] : component.reads;
    for (const { namespace, name } of all) {
      if (namespace === null) continue;
      spaces.set(name, (spaces.get(name) ?? new Set()).add(namespace));
    }
  }
  return ({ namespace, name }) => {
    const known = spaces.get(name);
    const only = known?.size === 1 ? ([...known][0] as string) : null;
    return formatDataset({ namespace: namespace ?? only, name, operations: null });
  };
}

/** One entry a dataset, with the operations of all its mentions; `null` stands for all. */
function together(
  datasets: readonly Dataset[],
  textOf: (dataset: Dataset) => string,
): Map<string, readonly string[] | null> {
  const found = new Map<string, readonly string[] | null>();
  for (const dataset of datasets) {
    const text = textOf(dataset);
    const known = found.get(text);
    const all = dataset.operations === null || known === null;
    found.set(text, all ? null : [...new Set([...(known ?? []), ...(dataset.operations ?? [])])]);
  }
  return found;
}
