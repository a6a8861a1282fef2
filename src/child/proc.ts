import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** What the kernel says of a process (proc_pid_stat(5)). */
export interface ProcessState {
  readonly parent: number;
  readonly group: number;
  /** Clock ticks since boot: a pid is used again, together with its start time it is not. */
  readonly startTime: string;
  /** It has ended, and only waits for its parent to notice. */
  readonly isZombie: boolean;
}

/** The pids there are; none where there is no `/proc`. */
export async function listProcesses(): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** `undefined` if there is no such process, or no `/proc`. */
export async function readState(pid: number): Promise<ProcessState | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  return text === undefined ? undefined : parseState(text);
}

let own: string | null | undefined;

/** This process as no other ever is, `pid:start time`; `null` where there is no `/proc`. */
export function ownMark(): string | null {
  if (own === undefined) {
    try {
      own = `${process.pid}:${parseState(readFileSync("/proc/self/stat", "latin1")).startTime}`;
    } catch {
      own = null;
    }
  }
  return own;
}

/** Whether another process than this one has a mark, and lives. */
export async function isMarkOfAnother(mark: string): Promise<boolean> {
  if (mark === ownMark()) return false;
  const [pid, startTime] = mark.split(":");
  const state = await readState(Number(pid));
  return state !== undefined && state.startTime === startTime && !state.isZombie;
}

function parseState(text: string): ProcessState {
  // The command stands in parentheses, and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group] = fields;
  return {
    parent: Number(parent),
    group: Number(group),
    startTime: fields[19] ?? "",
    isZombie: state === "Z" || state === "X",
  };
}
