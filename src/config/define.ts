import type { Input, InputSettings, LinkOptions, Process, ProcessSettings } from "../model/component.ts";
import type { Duration } from "../model/duration.ts";
import type { PipelineLineage, PipelineRetention } from "./pipeline.ts";

/** An input by its kind, as a config file has it; keys may be spelled as in code or as in config files. */
export interface InputTable extends InputSettings {
  readonly name: string;
  readonly type: string;
  readonly reads?: readonly string[];
  /** What has it was made in code. */
  readonly handle?: never;
  readonly fetch?: never;
  readonly [option: string]: unknown;
}

/** A process by its kind, as a config file has it. */
export interface ProcessTable extends ProcessSettings {
  readonly name: string;
  readonly type: string;
  /** Inputs or processes whose events it takes: links without conditions. */
  readonly on?: string | readonly string[];
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
  /** What has it was made in code. */
  readonly run?: never;
  readonly open?: never;
  readonly [option: string]: unknown;
}

/** What a TypeScript or JavaScript config file exports by default. */
export interface PipelineDefinition {
  /** Defaults to `pipeline`. */
  readonly name?: string;
  /** `sqlite:PATH`, relative to the file, or `memory:`. Defaults to `sqlite:.sluice/journal.db`. */
  readonly journal?: string;
  /**
   * Who says what the pipeline is: the file, at each start, or the version that was applied last. A module is what it
   * is: its pipeline cannot be changed by the API. Defaults to `"file"`.
   */
  readonly managedBy?: "file" | "api";
  /** Runs at a time over all processes. Defaults to no limit. */
  readonly concurrency?: number;
  /** How long a stop waits for what runs. Defaults to 30s. */
  readonly grace?: Duration;
  readonly retention?: Omit<PipelineRetention, "maxSize"> & { readonly maxSize?: number | string };
  /** Connections that several components share, by name: these say `connection: "NAME"`. */
  readonly connections?: Readonly<
    Record<
      string,
      {
        readonly connectionString: string;
        readonly direct?: string;
        readonly tls?: Readonly<Record<string, string>>;
      }
    >
  >;
  /** The API and the page. Defaults to none. */
  readonly http?: {
    readonly listen?: string;
    /** Of operators. */
    readonly token?: string;
    /** Of who may only read. */
    readonly viewerToken?: string;
    /** Of who may also change the pipeline. */
    readonly adminToken?: string;
    /** Names it is also called by, behind a proxy for example. */
    readonly hosts?: readonly string[];
    readonly changes?: boolean;
  };
  /** A listener of its own for webhook inputs. */
  readonly hooks?: { readonly listen: string };
  /** OpenTelemetry spans, by the SDK that the host has registered. Defaults to none. */
  readonly tracing?: { readonly enabled?: boolean };
  /** Where OpenLineage events go. Defaults to nowhere. */
  readonly lineage?: PipelineLineage;
  /** Made in code, or by their kind. */
  readonly inputs?: readonly (Input | InputTable)[];
  /** Made in code, or by their kind. `on` says whose events they take. */
  readonly processes?: readonly ((Process & { readonly on?: string | readonly string[] }) | ProcessTable)[];
  readonly links?: readonly ({ readonly from: string; readonly to: string } & LinkOptions)[];
}

/** Answers what it is given, checked by the compiler: `export default definePipeline({ … })`. */
export function definePipeline(definition: PipelineDefinition): PipelineDefinition {
  return definition;
}
