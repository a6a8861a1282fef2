import { createHash } from "node:crypto";
import type { ErrorRecord } from "../../model/errors.ts";
import { isoTime, type EventRecord } from "../../model/event.ts";
import { parseRunId } from "../../model/run.ts";
import { VERSION } from "../version.ts";
import type { LineageDataset } from "./dataset-names.ts";

/** How a run changes (https://openlineage.io/docs/spec/run-cycle). */
export type Transition = "START" | "COMPLETE" | "FAIL" | "ABORT";

/** What an OpenLineage event is made of. */
export interface Told {
  readonly transition: Transition;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly namespace: string;
  readonly pipeline: string;
  readonly process: string;
  readonly run: string;
  readonly event: EventRecord;
  /** Whether the event's time is a moment of a schedule. */
  readonly isScheduled: boolean;
  readonly inputs: readonly LineageDataset[];
  readonly outputs: readonly LineageDataset[];
  readonly error: ErrorRecord | null;
}

const SPEC = "https://openlineage.io/spec";
const PRODUCER = `urn:sluice:${VERSION}`;

type Facet = Readonly<Record<string, unknown>>;

/** A RunEvent, as the OpenLineage specification 2-0-2 has it. */
export interface RunEvent {
  readonly eventType: Transition;
  readonly eventTime: string;
  readonly run: { readonly runId: string; readonly facets: Readonly<Record<string, Facet>> };
  readonly job: {
    readonly namespace: string;
    readonly name: string;
    readonly facets: Readonly<Record<string, Facet>>;
  };
  readonly inputs: readonly LineageDataset[];
  readonly outputs: readonly LineageDataset[];
  readonly producer: string;
  readonly schemaURL: string;
}

export function toRunEvent(told: Told): RunEvent {
  const { namespace, pipeline, process, inputs, outputs } = told;
  const jobType = facet("2-0-4/JobTypeJobFacet", {
    processingType: "BATCH",
    integration: "SLUICE",
    jobType: "PROCESS",
  });
  return {
    eventType: told.transition,
    eventTime: isoTime(told.time),
    run: { runId: runUuid(told.run), facets: runFacets(told) },
    job: { namespace, name: jobName(pipeline, process), facets: { jobType } },
    inputs,
    outputs,
    producer: PRODUCER,
    schemaURL: `${SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
  };
}

function runFacets({ namespace, pipeline, event, isScheduled, error }: Told): Record<string, Facet> {
  const [cause = ""] = event.cause?.runs ?? [];
  const parent = parseRunId(cause);
  return {
    processing_engine: facet("1-1-0/ProcessingEngineRunFacet", { version: VERSION, name: "sluice" }),
    ...(parent !== undefined && {
      parent: facet("1-0-1/ParentRunFacet", {
        run: { runId: runUuid(cause) },
        job: { namespace, name: jobName(pipeline, parent.process) },
      }),
    }),
    ...(isScheduled && {
      nominalTime: facet("1-0-1/NominalTimeRunFacet", { nominalStartTime: isoTime(event.time) }),
    }),
    ...(error !== null && {
      errorMessage: facet("1-0-0/ErrorMessageRunFacet", {
        message: `${error.code}: ${error.message}`,
        programmingLanguage: "JavaScript",
      }),
    }),
  };
}

function jobName(pipeline: string, process: string): string {
  return `${pipeline}.${process}`;
}

/** @param schema the version and the name of a facet of the specification */
function facet(schema: string, fields: Facet): Facet {
  const name = schema.slice(schema.indexOf("/") + 1);
  return { _producer: PRODUCER, _schemaURL: `${SPEC}/facets/${schema}.json#/$defs/${name}`, ...fields };
}

/** Made at random, once: it tells these UUIDs from those of anybody else's names. */
const RUNS = Buffer.from("7c1f0b5a2f6e4d0b9a35c4de81f3a6d2", "hex");

/** The UUID that stands for a run's id, always the same one: version 5 (RFC 9562, section 5.5). */
export function runUuid(run: string): string {
  const bytes = createHash("sha1").update(RUNS).update(run).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
