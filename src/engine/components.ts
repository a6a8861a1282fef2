import type { Input, InputSettings, LinkOptions, Process, ProcessSettings } from "../model/component.ts";
import { parseDataset } from "../model/dataset.ts";
import { SluiceError } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";
import { Topology } from "../topology/topology.ts";
import type { Hook } from "./handles.ts";
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
  readonly topology: Topology = new Topology();
  readonly #pipeline: string;
  readonly #inputs = new Map<string, RegisteredInput>();
  readonly #processes = new Map<string, RegisteredProcess>();
  /** Processes that are being removed. */
  readonly #retired = new Set<string>();

  constructor(pipeline: string) {
    this.#pipeline = pipeline;
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

  isRetired(name: string): boolean {
    return this.#retired.has(name);
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
