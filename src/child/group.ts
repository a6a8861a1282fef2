import { sleep, type Clock } from "../model/clock.ts";
import { listProcesses, readState } from "./proc.ts";

/** The process groups that were started here and may still live: ended with this process, whatever ends it. */
const groups = new Set<number>();

/** How often it is looked whether a group is gone. */
const LOOK = 20;
/** How long it is waited after SIGKILL; the kernel needs no longer. */
const KILLED = 1_000;

/** Keeps a group in mind until the answered function is called. */
export function registerGroup(leader: number): () => void {
  if (groups.size === 0) process.on("exit", killAll);
  groups.add(leader);
  return () => {
    if (groups.delete(leader) && groups.size === 0) process.off("exit", killAll);
  };
}

/**
 * Whether a process of the group lives. Zombies do not: an orphan stays one for as long as its new parent, often a
 * container's first process, does not look after it.
 */
export async function groupLives(leader: number): Promise<boolean> {
  if (!signalGroup(leader, 0)) return false;
  const pids = await listProcesses();
  if (pids.length === 0) return true;
  const states = await Promise.all(pids.map(readState));
  return states.some((state) => state?.group === leader && !state.isZombie);
}

/** Sends SIGTERM to a group, after `grace` milliseconds SIGKILL, and resolves when nobody of it lives. */
export async function endGroup(leader: number, grace: number, clock: Clock): Promise<void> {
  signalGroup(leader, "SIGTERM");
  if (await groupEnds(leader, grace, clock)) return;
  signalGroup(leader, "SIGKILL");
  await groupEnds(leader, KILLED, clock);
}

async function groupEnds(leader: number, patience: number, clock: Clock): Promise<boolean> {
  const deadline = clock.monotonic() + patience;
  while (await groupLives(leader)) {
    const left = deadline - clock.monotonic();
    if (left <= 0) return false;
    await sleep(clock, Math.min(LOOK, left));
  }
  return true;
}

/** Signals every process of a group; `false` if there is none. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

function killAll(): void {
  for (const leader of groups) signalGroup(leader, "SIGKILL");
}
