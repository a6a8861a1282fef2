import type { Input, InputSettings, LinkOptions, Process, ProcessSettings } from "../model/component.ts";
import { parseDataset } from "../model/dataset.ts";
import { SluiceError } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";
import { Topology } from "../topology/topology.ts";
import type { InputNode, ProcessNode } from "../topology/types.ts";
import type { Hook, PipelineChange } from "./handles.ts";
import {
  resolveInputSettings,
  resolveProcessSettings,
  type ResolvedInputSettings,
  type ResolvedProcessSettings,
} from "./settings.ts";

export interface RegisteredInput {
  readonly input: Input;
  readonly settings: ResolvedInputSettings;
}

export interface RegisteredProcess {
  readonly process: Process;
  readonly settings: ResolvedProcessSettings;
}

/** What a pipeline consists of: its components with their settings, and the topology between them. */
export class Components {
  readonly #pipeline: string;
  /** What its maker knows it by, beyond what is seen here: of a config file, what the components were made of. */
  #revision: string | undefined;
  #topology = new Topology();
  #inputs = new Map<string, RegisteredInput>();
  #processes = new Map<string, RegisteredProcess>();
  /** Those that are being removed. */
  #retired = new Set<string>();
  /** Of one that is to become another: those of them that were on their way out when it was made. */
  #carried: readonly string[] = [];

  constructor(pipeline: string, revision?: string) {
    this.#pipeline = pipeline;
    this.#revision = revision;
  }

  get topology(): Topology {
    return this.#topology;
  }

  get inputs(): ReadonlyMap<string, RegisteredInput> {
    return this.#inputs;
  }

  get processes(): ReadonlyMap<string, RegisteredProcess> {
    return this.#processes;
  }

  addInput<Data>(input: Input<Data>, settings: InputSettings | undefined): RegisteredInput {
    expectMethod("input", input, "handle", "(context)");
    const resolved = resolveInputSettings(input.name, { ...input.settings, ...settings });
    const reads = (input.reads ?? []).map(parseDataset);
    const { name, type = "custom" } = input;
    const operations = resolved.operations && [...resolved.operations];
    this.topology.addInput({ role: "input", name, type, reads, ...(operations && { operations }) });
    const registered = { input: input as Input, settings: resolved };
    this.#inputs.set(input.name, registered);
    return registered;
  }

  addProcess<Data, Emits>(
    process: Process<Data, Emits>,
    settings: ProcessSettings | undefined,
  ): RegisteredProcess {
    const { name, type = "custom" } = process;
    expectMethod("process", process, "run", "(event, context)");
    const resolved = resolveProcessSettings(name, { ...process.settings, ...settings });
    const reads = (process.reads ?? []).map(parseDataset);
    const writes = (process.writes ?? []).map(parseDataset);
    this.topology.addProcess({ role: "process", name, type, reads, writes });
    const registered = { process: process as unknown as Process, settings: resolved };
    this.#processes.set(name, registered);
    return registered;
  }

  addLink(from: string, to: string, options: LinkOptions): void {
    if (this.#retired.has(to)) {
      throw new SluiceError("UNKNOWN_NAME", `process "${to}" is being removed; nothing can be linked to it`);
    }
    this.topology.addLink({ ...options, from, to });
  }

  /** Routes nothing to a process any more. What it still emits goes along its own links until it is removed. */
  retire(name: string): void {
    this.#retired.add(name);
    for (const link of this.topology.links()) if (link.to === name) this.topology.removeLink(link.from, name);
  }

  /** What tells one version of the pipeline from another. What is being removed belongs to none. */
  describe(): unknown {
    const isThere = (name: string): boolean => !this.#retired.has(name);
    const nodes = this.#topology.nodes().filter(({ name }) => isThere(name));
    const links = this.#topology.links().filter(({ from }) => isThere(from));
    const settings = [...this.#processes].map(([name, own]) => [name, own.settings] as const);
    return [sorted(nodes), sorted(links), sorted(settings.filter(([name]) => isThere(name))), this.#revision];
  }

  /**
   * What it is after a change; this one stays as it is. Who is removed stays, too, until it is gone, and so do the links
   * that lead from it.
   *
   * @throws SluiceError if it would not be valid
   */
  after({ revision, add, remove, links, finish = [] }: PipelineChange): Components {
    const next = new Components(this.#pipeline, revision);
    for (const { name } of add.inputs) this.#expectFree(name, this.#processes);
    for (const { name } of add.processes) this.#expectFree(name, this.#inputs);
    const renewed = new Set([...add.inputs, ...add.processes].map(({ name }) => name));
    const retired = new Set([...this.#retired, ...remove].filter((name) => !renewed.has(name)));
    for (const registered of this.#inputs.values()) {
      if (!renewed.has(registered.input.name)) next.#keepInput(registered, this.#topology);
    }
    for (const registered of this.#processes.values()) {
      if (!renewed.has(registered.process.name)) next.#keepProcess(registered, this.#topology);
    }
    for (const input of add.inputs) next.addInput(input, undefined);
    for (const process of add.processes) next.addProcess(process, undefined);
    for (const { process } of finish) retired.add(next.addProcess(process, undefined).process.name);
    next.#retired = retired;
    next.#carried = [...this.#retired].filter((name) => retired.has(name));
    for (const { from, to, ...options } of links) next.addLink(from, to, options);
    for (const link of [...this.#topology.links(), ...finish.flatMap((one) => one.links)]) {
      const leads = retired.has(link.from) && !retired.has(link.to) && next.#processes.has(link.to);
      // What is on its way out closes no cycle that lasts.
      if (leads) next.#topology.addLink({ ...link, loop: true });
    }
    return next;
  }

  /** One of the same role can take a name over, while events flow; of the other, it is in use until that is gone. */
  #expectFree(name: string, others: ReadonlyMap<string, unknown>): void {
    if (!others.has(name)) return;
    throw new SluiceError(
      "DUPLICATE_NAME",
      `"${name}" cannot be an input where it is a process, or the other way round: remove the one first, then add the other`,
      { details: { name } },
    );
  }

  /** From now on it is what another one is. Who has gone since that was made stays gone. */
  become(next: Components): void {
    for (const name of next.#carried) if (!this.#retired.has(name)) next.remove(name);
    this.#revision = next.#revision;
    this.#topology = next.#topology;
    this.#inputs = next.#inputs;
    this.#processes = next.#processes;
    this.#retired = next.#retired;
  }

  #keepInput(registered: RegisteredInput, topology: Topology): void {
    const { name } = registered.input;
    this.#topology.addInput(topology.node(name) as InputNode);
    this.#inputs.set(name, registered);
  }

  #keepProcess(registered: RegisteredProcess, topology: Topology): void {
    const { name } = registered.process;
    this.#topology.addProcess(topology.node(name) as ProcessNode);
    this.#processes.set(name, registered);
  }

  /** The input of this name, unless it is gone or on its way out. */
  current(input: string): RegisteredInput | undefined {
    return this.#retired.has(input) ? undefined : this.#inputs.get(input);
  }

  isRetired(name: string): boolean {
    return this.#retired.has(name);
  }

  isOrdered(process: string): boolean {
    return this.#processes.get(process)?.settings.ordered === true;
  }

  /** Of a process that is gone nobody knows; should it come back, order does no harm, and its lack may. */
  isPerhapsOrdered(process: string): boolean {
    return this.#processes.get(process)?.settings.ordered !== false;
  }

  /** Harmless if it is gone. */
  remove(name: string): void {
    if (this.topology.node(name) === undefined) return;
    this.topology.removeNode(name);
    this.#inputs.delete(name);
    this.#processes.delete(name);
    this.#retired.delete(name);
  }

  /** @throws SluiceError UNKNOWN_NAME unless there is one, of this role if it is given */
  expect(name: string, role?: "input" | "process"): void {
    const node = this.topology.node(name);
    if (node !== undefined && (role === undefined || node.role === role)) return;
    const candidates = this.topology.nodes().filter((other) => role === undefined || other.role === role);
    const hint = didYouMean(
      name,
      candidates.map((other) => other.name),
    );
    throw new SluiceError(
      "UNKNOWN_NAME",
      `pipeline "${this.#pipeline}" has no ${role ?? "input or process"} named ${JSON.stringify(name)}${hint}`,
      { details: { name } },
    );
  }

  /** @throws SluiceError UNKNOWN_NAME unless there is such a process, and it is to stay */
  expectRoutable(process: string): void {
    this.expect(process, "process");
    if (!this.#retired.has(process)) return;
    throw new SluiceError("UNKNOWN_NAME", `process "${process}" is on its way out and takes nothing more`);
  }

  /** The inputs that answer HTTP requests. */
  hooks(): readonly Hook[] {
    const hooks: Hook[] = [];
    for (const { input } of this.#inputs.values()) {
      if (input.fetch === undefined || input.path === undefined) continue;
      hooks.push({ name: input.name, path: input.path, fetch: input.fetch.bind(input) });
    }
    return hooks;
  }
}

/** Whoever writes plain JavaScript has no compiler to tell. */
function expectMethod<Method extends string>(
  role: string,
  component: { readonly name: string } & Readonly<Record<Method, unknown>>,
  method: Method,
  parameters: string,
): void {
  if (typeof component[method] === "function") return;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${role} "${component.name}" has no function ${method}${parameters}`,
  );
}

/** In an order of their own: what was added when does not make another pipeline. */
function sorted(parts: readonly unknown[]): readonly string[] {
  return parts.map((part) => JSON.stringify(part)).toSorted();
}
