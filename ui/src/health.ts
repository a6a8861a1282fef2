import type { InputRow, ProcessRow, RunState } from "./types.ts";

/** What a colour and its shape mean, everywhere on the page. */
export type Tone = "ok" | "busy" | "warn" | "bad" | "idle";

export interface Health {
  readonly tone: Tone;
  readonly word: string;
}

export const RUN_TONES: Readonly<Record<RunState, Tone>> = {
  queued: "idle",
  waiting: "idle",
  running: "busy",
  retrying: "warn",
  succeeded: "ok",
  dead: "bad",
  cancelled: "idle",
};

const INPUT_TONES: Readonly<Record<string, Tone>> = {
  running: "ok",
  starting: "busy",
  "backing off": "warn",
  failed: "bad",
};

export function inputHealth(row: InputRow): Health {
  if (row.state === "running" && row.silent) return { tone: "warn", word: "silent" };
  return { tone: INPUT_TONES[row.state] ?? "idle", word: row.state };
}

/** Dead runs are a warning while they lie there, and alarming while they become more. */
export function processHealth(row: ProcessRow, isDying: boolean): Health {
  if (row.state === "backing off") return { tone: "bad", word: "cannot be opened" };
  if (row.state === "draining") return { tone: "busy", word: "draining" };
  if (row.state !== "running") return { tone: "idle", word: row.state };
  if (isDying) return { tone: "bad", word: "failing" };
  if ((row.runs.dead ?? 0) > 0) return { tone: "warn", word: "has dead runs" };
  if ((row.runs.retrying ?? 0) > 0) return { tone: "warn", word: "retrying" };
  if (row.running > 0) return { tone: "busy", word: "working" };
  return { tone: "ok", word: "ready" };
}
