import { createHash } from "node:crypto";
import type { Input, Process } from "../model/component.ts";
import type { Duration } from "../model/duration.ts";
import type { LinkSpec } from "../topology/types.ts";
import type { Topology } from "../topology/topology.ts";
import type { ConfigIssue } from "./issue.ts";
import type { Listen } from "./listen.ts";
import type { AnyInputKind, AnyProcessKind } from "./registry.ts";

/** A pipeline that was read and found valid; nothing of it runs yet. */
export interface Pipeline {
  /** The config file, as it was given. */
  readonly file: string;
  /** The absolute folder that relative paths start from. */
  readonly directory: string;
  readonly name: string;
  /** `memory:`, or `sqlite:` and an absolute path. */
  readonly journal: string;
  readonly managedBy: "file" | "api";
  readonly concurrency?: number;
  readonly grace?: Duration;
  readonly retention: PipelineRetention;
  /** `null` without `[http]`: then there is no API and no page, only the owner's socket. */
  readonly http: PipelineHttp | null;
  /** `null` without `[hooks]`: then webhook paths are served with `[http]`. */
  readonly hooks: Listen | null;
  /** Whether spans are made of what it does. */
  readonly tracing: boolean;
  /** Where its lineage goes; `null` for nowhere. */
  readonly lineage: PipelineLineage | null;
  readonly inputs: readonly PipelineInput[];
  readonly processes: readonly PipelineProcess[];
  readonly links: readonly LinkSpec[];
  readonly topology: Topology;
  /** What is allowed, but hardly meant. */
  readonly warnings: readonly ConfigIssue[];
  /** The keys at the top as they were written, masked. */
  readonly masked: Readonly<Record<string, unknown>>;
  /** What must not be shown: what references stood for, and options that kinds mark secret. */
  readonly secrets: ReadonlySet<string>;
  /** Takes those out of a text. */
  readonly redact: (text: string) => string;
  /** What was read, references unresolved; `null` for a module. */
  readonly document: PipelineDocument | null;
}

/** A config file as it was written. */
export interface PipelineDocument {
  readonly text: string;
  readonly format: "toml" | "yaml" | "json";
  /** The text, parsed; not yet checked, references unresolved. */
  readonly tree: Readonly<Record<string, unknown>>;
}

/** As `Retention` of the journal. */
export interface PipelineRetention {
  readonly succeeded?: Duration;
  readonly dead?: Duration;
  readonly dedupe?: Duration;
  /** Bytes. */
  readonly maxSize?: number;
}

export interface PipelineLineage {
  readonly url?: string;
  /** An absolute path. */
  readonly file?: string;
  readonly namespace?: string;
  readonly apiKey?: string;
  readonly allowPrivate?: boolean | readonly string[];
  readonly maxRuns?: number;
}

export interface PipelineHttp extends Listen {
  /** Of operators. */
  readonly token?: string;
  readonly viewerToken?: string;
  readonly adminToken?: string;
  /** Names it is also called by, behind a proxy for example. */
  readonly hosts?: readonly string[];
  /** Whether the API may change the pipeline. */
  readonly changes: boolean;
}

export interface PipelineInput {
  readonly role: "input";
  readonly name: string;
  readonly type: string;
  /** With its settings; made anew each time the pipeline is loaded. */
  readonly component: Input;
  /** What it was made by, and of; absent for an input that was made in code. */
  readonly made?: { readonly kind: AnyInputKind; readonly options: unknown };
  /** What was said of it, with what its connection adds; references resolved: holds secrets. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly masked: Readonly<Record<string, unknown>>;
}

export interface PipelineProcess {
  readonly role: "process";
  readonly name: string;
  readonly type: string;
  readonly component: Process;
  readonly made?: { readonly kind: AnyProcessKind; readonly options: unknown };
  readonly fields: Readonly<Record<string, unknown>>;
  readonly masked: Readonly<Record<string, unknown>>;
}

/**
 * The pipeline as it was written, in the spelling of config files, with `***` for what came from a reference and for
 * options that their kind marks secret. Components made in code show their name, type and settings.
 */
export function maskedView(pipeline: Pipeline): Record<string, unknown> {
  return {
    ...pipeline.masked,
    input: pipeline.inputs.map((input) => input.masked),
    process: pipeline.processes.map((process) => process.masked),
    link: pipeline.links,
  };
}

/** A hash of what the components are made of: references unresolved, so that it holds no secret of theirs. */
export function revisionOf({ document, inputs, processes, links }: Pipeline): string {
  const { input = [], process = [], connections = {} } = document?.tree ?? {};
  // Links are told by themselves, however they were written.
  const written = [input, process].flat().map((component) => ({ ...(component as object), on: undefined }));
  const files = [...inputs, ...processes].map(({ name, fields }) => ({ name, files: fields["files"] }));
  const parts = [...written, ...files, ...links].map((part) => JSON.stringify(part)).toSorted();
  return createHash("sha256")
    .update(JSON.stringify([parts, connections]))
    .digest("hex")
    .slice(0, 16);
}
