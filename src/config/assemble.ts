import type { Orchestrator } from "../engine/orchestrator.ts";
import type { Duration } from "../model/duration.ts";
import type { Redact } from "../model/mask.ts";
import type { LinkOptions } from "../model/component.ts";
import { revisionOf, type Pipeline, type PipelineRetention } from "./pipeline.ts";

/** What a config file says of the orchestrator itself. */
export interface OrchestratorSettings {
  readonly name: string;
  /** `memory:`, or `sqlite:` and an absolute path. */
  readonly journal: string;
  readonly retention: PipelineRetention;
  readonly concurrency?: number;
  readonly grace?: Duration;
  /** A hash of what the components were made of. */
  readonly revision?: string;
  /** Takes out what the file's references stand for. */
  readonly redact: Redact;
}

/** The part of an orchestrator that is called here. */
type Assembled = Pick<Orchestrator, "addInput" | "addProcess" | "addLink">;

/**
 * Makes an orchestrator of a pipeline: its inputs, processes and links. It is not started. Load the pipeline anew
 * for a second one: components belong to one orchestrator.
 */
export function assemble<O extends Assembled>(
  pipeline: Pipeline,
  { create }: { readonly create: (settings: OrchestratorSettings) => O },
): O {
  const { name, journal, retention, concurrency, grace, redact, document } = pipeline;
  const orchestrator = create({
    name,
    journal,
    retention,
    redact,
    ...(document !== null && { revision: revisionOf(pipeline) }),
    ...(concurrency !== undefined && { concurrency }),
    ...(grace !== undefined && { grace }),
  });
  for (const { component } of pipeline.inputs) orchestrator.addInput(component);
  for (const { component } of pipeline.processes) orchestrator.addProcess(component);
  for (const { from, to, ...options } of pipeline.links) {
    orchestrator.addLink(from, to, options satisfies LinkOptions);
  }
  return orchestrator;
}
