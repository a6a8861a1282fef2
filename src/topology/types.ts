import type { LinkOptions } from "../model/component.ts";
import type { Dataset } from "../model/dataset.ts";
import type { ErrorRecord } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import type { Operation } from "../model/operation.ts";

/** An input, as the DAG knows it. */
export interface InputNode {
  readonly role: "input";
  readonly name: string;
  readonly type: string;
  readonly reads: readonly Dataset[];
  /** The only operations that it lets through; absent stands for all. */
  readonly operations?: readonly Operation[];
}

/** A process, as the DAG knows it. */
export interface ProcessNode {
  readonly role: "process";
  readonly name: string;
  readonly type: string;
  readonly reads: readonly Dataset[];
  readonly writes: readonly Dataset[];
}

export type ComponentNode = InputNode | ProcessNode;

export interface LinkSpec extends LinkOptions {
  /** The name of an input or process. */
  readonly from: string;
  /** The name of a process. */
  readonly to: string;
}

/** Says which processes an event of one source goes to. Compiled: no walk of the graph. */
export type Route = (event: EventRecord) => readonly Match[];

export interface Match {
  readonly process: string;
  /** Set if the link's `when` threw: the run is dead from the beginning. */
  readonly error?: ErrorRecord;
}

/** The DAG as JSON: what `graph --format json` and `GET /api/v1/graph` answer. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphNode {
  /** A component's name, or a dataset's text. Unique together with `role`. */
  readonly id: string;
  readonly role: "input" | "process" | "dataset";
  readonly name: string;
  /** The kind of a component; `dataset` for a dataset. */
  readonly type: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** `link`: events flow; `reads`, `writes`: through a dataset. */
  readonly kind: "link" | "reads" | "writes";
  readonly operations?: readonly string[];
  readonly locations?: readonly string[];
  readonly when?: string;
  readonly loop?: boolean;
}
