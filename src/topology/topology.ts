import type { Dataset } from "../model/dataset.ts";
import { SluiceError } from "../model/errors.ts";
import { checkName } from "../model/name.ts";
import { didYouMean } from "../model/suggest.ts";
import { findCycle, type Flow } from "./cycle.ts";
import { buildGraph } from "./graph.ts";
import { compileLink, compileRoute, type CompiledLink } from "./route.ts";
import type { ComponentNode, Graph, InputNode, LinkSpec, ProcessNode, Route } from "./types.ts";

/**
 * The DAG of inputs, processes and the datasets between them. It is valid at any time: whatever would make it
 * invalid throws and changes nothing.
 */
export class Topology {
  readonly #nodes = new Map<string, ComponentNode>();
  /** By the name of the source, in the order of adding; a node without links has an empty list. */
  readonly #links = new Map<string, readonly CompiledLink[]>();
  readonly #routes = new Map<string, Route>();
  /** By the names of datasets, whatever their database. */
  readonly #readers = new Map<string, Set<InputNode>>();
  readonly #writers = new Map<string, Set<ProcessNode>>();
  readonly #flow: Flow = {
    node: (name) => this.#nodes.get(name),
    linksFrom: (name) => this.#links.get(name) ?? [],
    readersOf: (dataset) => this.#readers.get(dataset) ?? [],
    writersOf: (dataset) => this.#writers.get(dataset) ?? [],
  };

  /** @throws SluiceError INVALID_NAME or DUPLICATE_NAME */
  addInput(node: InputNode): void {
    this.#add(node);
  }

  /** @throws SluiceError INVALID_NAME or DUPLICATE_NAME */
  addProcess(node: ProcessNode): void {
    this.#add(node);
  }

  /**
   * Links an input or process to a process.
   *
   * @throws SluiceError UNKNOWN_NAME, SELF_LINK, DUPLICATE_LINK, INVALID_OPTIONS (it leads to an input, or its
   * conditions can never match), INVALID_OPERATION, INVALID_EXPRESSION, or CYCLE, whose `details.path` holds the
   * names along the cycle
   */
  addLink(spec: LinkSpec): void {
    const { from, to } = spec;
    this.#expect(from, "from", () => true);
    this.#expect(to, "to", (node) => node.role === "process");
    const siblings = this.#links.get(from) ?? [];
    if (from === to) throw selfLink(from);
    if (this.#nodes.get(to)?.role === "input") throw leadsToInput(from, to);
    if (siblings.some((link) => link.spec.to === to)) throw duplicateLink(from, to);
    const link = compileLink(spec);
    const path = findCycle(this.#flow, link.spec);
    if (path !== undefined) throw cycle(from, to, path);
    this.#links.set(from, [...siblings, link]);
    this.#routes.delete(from);
  }

  /** Removes an input or process and every link that leaves or reaches it. @throws SluiceError UNKNOWN_NAME */
  removeNode(name: string): void {
    this.#expect(name, "name", () => true);
    const node = this.#nodes.get(name);
    if (node?.role === "input") forget(this.#readers, node.reads, node);
    if (node?.role === "process") forget(this.#writers, node.writes, node);
    this.#nodes.delete(name);
    this.#links.delete(name);
    for (const [source, links] of this.#links) {
      this.#links.set(
        source,
        links.filter((link) => link.spec.to !== name),
      );
    }
    this.#routes.clear();
  }

  /** @throws SluiceError UNKNOWN_NAME if there is no such link */
  removeLink(from: string, to: string): void {
    const links = this.#links.get(from) ?? [];
    const rest = links.filter((link) => link.spec.to !== to);
    if (rest.length === links.length) {
      throw new SluiceError("UNKNOWN_NAME", `there is no link ${from} → ${to}`, {
        details: { from, to },
      });
    }
    this.#links.set(from, rest);
    this.#routes.delete(from);
  }

  /**
   * Where the events of a source go, in the order in which its links were added. What it answers must not be
   * changed: without conditions it is the same array for each event. Ask anew after a change of the topology.
   *
   * @throws SluiceError UNKNOWN_NAME
   */
  route(source: string): Route {
    const known = this.#routes.get(source);
    if (known !== undefined) return known;
    this.#expect(source, "source", () => true);
    const route = compileRoute(this.#links.get(source) ?? []);
    this.#routes.set(source, route);
    return route;
  }

  node(name: string): ComponentNode | undefined {
    return this.#nodes.get(name);
  }

  /** In the order of adding. */
  nodes(): readonly ComponentNode[] {
    return [...this.#nodes.values()];
  }

  /** By source, each source's in the order of adding. Operations are spelled as `parseOperation` answers them. */
  links(): readonly LinkSpec[] {
    return [...this.#links.values()].flat().map((link) => link.spec);
  }

  graph(): Graph {
    return buildGraph(this.nodes(), this.links());
  }

  /** A new component has no links yet, so it cannot close a cycle: that is looked for where a link is added. */
  #add(node: ComponentNode): void {
    const name = checkName(node.name, node.role === "input" ? "an input" : "a process");
    const other = this.#nodes.get(name);
    if (other !== undefined) {
      throw new SluiceError(
        "DUPLICATE_NAME",
        `there is ${other.role === "input" ? "an input" : "a process"} named "${name}" already; inputs and processes share one namespace`,
        { details: { name } },
      );
    }
    this.#nodes.set(name, node);
    this.#links.set(name, []);
    if (node.role === "input") note(this.#readers, node.reads, node);
    else note(this.#writers, node.writes, node);
  }

  #expect(name: string, field: string, isCandidate: (node: ComponentNode) => boolean): void {
    if (this.#nodes.has(name)) return;
    const candidates = this.nodes().filter(isCandidate);
    const hint = didYouMean(
      name,
      candidates.map((node) => node.name),
    );
    const what = field === "to" ? "process" : "input or process";
    throw new SluiceError("UNKNOWN_NAME", `there is no ${what} named ${JSON.stringify(name)}${hint}`, {
      details: { name, field },
    });
  }
}

function note<N>(index: Map<string, Set<N>>, datasets: readonly Dataset[], node: N): void {
  for (const { name } of datasets) index.set(name, (index.get(name) ?? new Set<N>()).add(node));
}

function forget<N>(index: Map<string, Set<N>>, datasets: readonly Dataset[], node: N): void {
  for (const { name } of datasets) index.get(name)?.delete(node);
}

function selfLink(name: string): SluiceError {
  return new SluiceError("SELF_LINK", `"${name}" cannot be linked to itself`, {
    details: { name },
  });
}

function leadsToInput(from: string, to: string): SluiceError {
  return new SluiceError(
    "INVALID_OPTIONS",
    `link ${from} → ${to}: "${to}" is an input; a link leads to a process`,
    { details: { from, to, field: "to" } },
  );
}

function duplicateLink(from: string, to: string): SluiceError {
  return new SluiceError(
    "DUPLICATE_LINK",
    `there is a link ${from} → ${to} already; put all its conditions into one`,
    { details: { from, to } },
  );
}

function cycle(from: string, to: string, path: readonly string[]): SluiceError {
  return new SluiceError(
    "CYCLE",
    `link ${from} → ${to} closes a cycle: ${path.join(" → ")}; take a link of it away, narrow the operations, or give a link of it loop = true if it is meant`,
    { details: { from, to, path } },
  );
}
