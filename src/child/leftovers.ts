import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { isMarkOfAnother, listProcesses, ownMark, readState } from "./proc.ts";

/** A process as the kernel knows it: a pid is used again, together with its start time it is not. */
export interface LeftChild {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
}

interface LeftChildren {
  readonly journalId: string;
  /** Milliseconds between SIGTERM and SIGKILL. Defaults to 5,000. */
  readonly grace?: number;
}

export interface LeftChildrenOf extends LeftChildren {
  /** What was started under a lower epoch was left behind. */
  readonly epoch: number;
}

export interface LeftListenersOf extends LeftChildren {
  readonly input: string;
}

const GRACE = 5_000;
/** Milliseconds for the kernel to end what was sent SIGKILL. */
const REAPED = 2_000;
const LOOK = 20;
/** A fence is `epoch * 2^32 + counter`. */
const EPOCH = 2 ** 32;

/**
 * Ends the child processes that earlier owners of a journal left running, wherever they have gone: every process that
 * descends from an attempt inherits `SLUICE_JOURNAL`, `SLUICE_FENCE` and `SLUICE_OWNER` in its environment. Those whose
 * owner still lives are left alone. Answers with those it ended.
 *
 * Works where there is `/proc` (Linux); elsewhere it finds nothing.
 */
export async function endChildrenOf({
  journalId,
  epoch,
  grace = GRACE,
}: LeftChildrenOf): Promise<readonly LeftChild[]> {
  return endFound(await findChildren((variables) => belongs(variables, journalId, epoch)), grace);
}

/**
 * Ends the children of an input that an owner which died left running. They have no fence: it is by their owner, who is
 * neither this process nor any that lives, that they are known as left.
 */
export async function endListenersOf({
  journalId,
  input,
  grace = GRACE,
}: LeftListenersOf): Promise<readonly LeftChild[]> {
  const own = ownMark();
  const isLeft = (variables: readonly string[]): boolean =>
    valueOf(variables, "SLUICE_JOURNAL") === journalId &&
    valueOf(variables, "SLUICE_INPUT") === input &&
    valueOf(variables, "SLUICE_OWNER") !== own;
  return endFound(await findChildren(isLeft), grace);
}

async function endFound(found: readonly LeftChild[], grace: number): Promise<readonly LeftChild[]> {
  if (found.length === 0) return found;
  await endAll(found, "SIGTERM", grace);
  await endAll(found, "SIGKILL", REAPED);
  return found;
}

async function findChildren(isLeft: (variables: readonly string[]) => boolean): Promise<LeftChild[]> {
  const pids = await listProcesses();
  const spared = await ancestry(process.pid);
  const children = await Promise.all(
    pids.map(async (pid) => {
      if (spared.has(pid)) return undefined;
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      const variables = environment.split("\0");
      if (!isLeft(variables)) return undefined;
      // A copy of a journal has its id: the children of who still works on the original are not left.
      if (await isMarkOfAnother(valueOf(variables, "SLUICE_OWNER"))) return undefined;
      const state = await readState(pid);
      return state === undefined ? undefined : { pid, startTime: state.startTime };
    }),
  );
  return children.filter((child) => child !== undefined);
}

function belongs(variables: readonly string[], journalId: string, epoch: number): boolean {
  if (valueOf(variables, "SLUICE_JOURNAL") !== journalId) return false;
  const fence = Number.parseInt(valueOf(variables, "SLUICE_FENCE"), 10);
  return Math.floor(fence / EPOCH) < epoch;
}

function valueOf(variables: readonly string[], name: string): string {
  const start = `${name}=`;
  return variables.find((variable) => variable.startsWith(start))?.slice(start.length) ?? "";
}

/** We may ourselves have been started by such a child, as a deployment may. */
async function ancestry(pid: number): Promise<ReadonlySet<number>> {
  const line = new Set<number>();
  for (let next = pid; next > 0 && !line.has(next); next = (await readState(next))?.parent ?? 0)
    line.add(next);
  return line;
}

async function endAll(
  children: readonly LeftChild[],
  signal: NodeJS.Signals,
  patience: number,
): Promise<void> {
  const deadline = performance.now() + patience;
  for (const child of await living(children)) {
    try {
      process.kill(child.pid, signal);
    } catch {
      // It ended by itself meanwhile, or has become somebody else's.
    }
  }
  while ((await living(children)).length > 0 && performance.now() < deadline) await pause(LOOK);
}

async function living(children: readonly LeftChild[]): Promise<readonly LeftChild[]> {
  const states = await Promise.all(children.map(({ pid }) => readState(pid)));
  return children.filter(({ startTime }, index) => {
    const state = states[index];
    return state !== undefined && state.startTime === startTime && !state.isZombie;
  });
}
