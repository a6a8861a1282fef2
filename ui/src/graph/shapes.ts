// What the steps of a layout hand to one another: placed, folded, drawn.
import type { GraphEdge, GraphNode } from "../types.ts";

export interface Box {
  readonly key: string;
  readonly node: GraphNode;
  /** The upper left corner. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly boxes: readonly Box[];
  readonly wires: readonly Wire[];
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A connection between two nodes that were placed, with the points between which the layout left room. */
export interface Course {
  readonly key: string;
  readonly edge: GraphEdge;
  readonly source: Box;
  readonly target: Box;
  readonly points: readonly Point[];
}

/** What was placed, before it is drawn. */
export interface Placed {
  readonly boxes: readonly Box[];
  readonly courses: readonly Course[];
  readonly width: number;
  readonly height: number;
}

/** A connection as it is drawn. */
export interface Wire {
  readonly key: string;
  readonly edge: GraphEdge;
  readonly path: string;
  /** Its head. */
  readonly tip: string;
}

export const MARGIN = 24;
