import { parseEvent, parseJson, parseObject } from "../../child/event-line.ts";
import { problemOf, type DataLine } from "../../child/data-lines.ts";
import type { Receipt } from "../../model/component.ts";
import { SluiceError, type ErrorRecord } from "../../model/errors.ts";
import type { EventInit } from "../../model/event.ts";
import { parseSize } from "../../model/size.ts";
import { compilePicks } from "../../net/pick.ts";
import type { Options } from "./options.ts";

/** What a line says: an event, how far the program is, or both. */
export interface Said {
  readonly event?: EventInit;
  /** Any JSON; only there if the line has one. */
  readonly cursor?: unknown;
}

/** How a line fared. */
export type Outcome = Receipt | ErrorRecord | undefined;

/** It is handed back in the environment, where Linux takes 128 KiB (MAX_ARG_STRLEN, execve(2)). */
const LARGEST_CURSOR = 64 * 1024;

/** Reads a line; `undefined` for one that is blank. @throws SluiceError INVALID_EVENT or INVALID_OPERATION */
export type ReadLine = (line: DataLine) => Said | undefined;

export function createLineParser({ lines, pick, location, maxLine }: Options): ReadLine {
  const longest = parseSize(maxLine);
  const picked = compilePicks(pick);
  const parse: Readonly<Record<Options["lines"], (text: string) => Said>> = {
    events: parseSaid,
    json(text) {
      const value = parseJson(text);
      return { event: picked === undefined ? { data: value } : picked(value) };
    },
    text: (text) => ({ event: { data: text } }),
  };
  return (line) => {
    const problem = problemOf(line, longest);
    if (problem !== undefined) throw new SluiceError("INVALID_EVENT", problem);
    const text = line.bytes.toString();
    // A blank line of a text is a line like any other.
    if (lines !== "text" && text.trim() === "") return undefined;
    const said = parse[lines](text);
    if (location === undefined || said.event === undefined) return said;
    return { ...said, event: { location, ...said.event } };
  };
}

function parseSaid(text: string): Said {
  const { cursor, ...rest } = parseObject(text);
  const hasCursor = cursor !== undefined;
  if (hasCursor && Buffer.byteLength(JSON.stringify(cursor)) > LARGEST_CURSOR) {
    throw new SluiceError("INVALID_EVENT", `its cursor is larger than ${LARGEST_CURSOR} bytes`);
  }
  if (hasCursor && Object.keys(rest).length === 0) return { cursor };
  return { event: parseEvent(rest), ...(hasCursor && { cursor }) };
}

/** What a program is told of a line, which is named by its number, from 1. */
export function formatAnswer(line: number, outcome: Outcome): string {
  if (outcome === undefined) return `${JSON.stringify({ line })}\n`;
  if ("uid" in outcome) return `${JSON.stringify({ line, ...outcome })}\n`;
  return `${JSON.stringify({ line, error: outcome })}\n`;
}
