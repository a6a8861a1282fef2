import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { endChildrenOf, endListenersOf } from "./leftovers.ts";
import { ownMark, readState, type ProcessState } from "./proc.ts";

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

const fence = (epoch: number, counter = 1): string => String(epoch * 2 ** 32 + counter);
let journals = 0;
const newJournal = (): string => `test-${process.pid}-${journals++}`;

async function start(
  journal: string,
  epoch: number,
  script = "echo ready; exec sleep 60",
  owner = "",
): Promise<ChildProcess> {
  const mark = { SLUICE_JOURNAL: journal, SLUICE_FENCE: fence(epoch), SLUICE_OWNER: owner };
  const env = { PATH: process.env["PATH"], ...mark };
  const child = spawn("/bin/sh", ["-c", script], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  started.push(child);
  await once(child.stdout, "data");
  return child;
}

function running(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

// Elsewhere there is no /proc to look into.
describe.runIf(process.platform === "linux")("the children that earlier epochs of a journal left", () => {
  test("are ended; those of this epoch, of other journals, and of nobody are not", async () => {
    const journal = newJournal();
    const old = await start(journal, 1);
    const older = await start(journal, 2);
    const current = await start(journal, 3);
    const foreign = await start(newJournal(), 1);
    const exits = [once(old, "exit"), once(older, "exit")];
    const ended = await endChildrenOf({ journalId: journal, epoch: 3 });
    await Promise.all(exits);
    expect(new Set(ended.map(({ pid }) => pid))).toEqual(new Set([old.pid, older.pid]));
    expect([running(current), running(foreign)]).toEqual([true, true]);
    expect(await endChildrenOf({ journalId: journal, epoch: 3 })).toEqual([]);
  });

  test("are found wherever they went: in another session, without their parent", async () => {
    const journal = newJournal();
    const child = await start(journal, 1, "echo ready; setsid --fork sleep 60");
    if (running(child)) await once(child, "exit");
    const ended = await endChildrenOf({ journalId: journal, epoch: 2 });
    expect(ended).toHaveLength(1);
    expect(await endChildrenOf({ journalId: journal, epoch: 2 })).toEqual([]);
  });

  test("get SIGKILL if they ignore SIGTERM", async () => {
    const journal = newJournal();
    const child = await start(journal, 1, "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    const exit = once(child, "exit");
    await endChildrenOf({ journalId: journal, epoch: 2, grace: 50 });
    expect(await exit).toEqual([null, "SIGKILL"]);
  });

  test("are none of those whose owner lives: it works on what this journal is a copy of", async () => {
    const journal = newJournal();
    const other = await start(newJournal(), 1);
    const { startTime } = (await readState(other.pid as number)) as ProcessState;
    const child = await start(journal, 1, undefined, `${other.pid}:${startTime}`);
    const own = await start(journal, 1, undefined, ownMark() as string);
    const reused = await start(journal, 1, undefined, `${other.pid}:${Number(startTime) - 1}`);
    const left = await endChildrenOf({ journalId: journal, epoch: 2 });
    expect(new Set(left.map(({ pid }) => pid))).toEqual(new Set([own.pid, reused.pid]));
    const exit = once(other, "exit");
    other.kill("SIGKILL");
    await exit;
    expect(await endChildrenOf({ journalId: journal, epoch: 2 })).toMatchObject([{ pid: child.pid }]);
  });

  test("are none where the mark is no fence", async () => {
    const journal = newJournal();
    const env = { PATH: process.env["PATH"], SLUICE_JOURNAL: journal, SLUICE_FENCE: "x" };
    const child = spawn("sleep", ["60"], { env });
    started.push(child);
    await once(child, "spawn");
    expect(await endChildrenOf({ journalId: journal, epoch: 9 })).toEqual([]);
    expect(running(child)).toBe(true);
  });

  test("for an input are known by its name, and by an owner that is dead", async () => {
    const journal = newJournal();
    const listen = async (input: string, owner: string): Promise<ChildProcess> => {
      const mark = { SLUICE_JOURNAL: journal, SLUICE_INPUT: input, SLUICE_OWNER: owner };
      const child = spawn("sleep", ["60"], { env: { PATH: process.env["PATH"], ...mark } });
      started.push(child);
      await once(child, "spawn");
      return child;
    };
    const other = await start(newJournal(), 1);
    const { startTime } = (await readState(other.pid as number)) as ProcessState;
    const left = await listen("a", `${other.pid}:${Number(startTime) - 1}`);
    const spared = [
      await listen("b", `${other.pid}:${Number(startTime) - 1}`),
      await listen("a", `${other.pid}:${startTime}`),
      await listen("a", ownMark() as string),
    ];
    expect(await endListenersOf({ journalId: journal, input: "a" })).toMatchObject([{ pid: left.pid }]);
    expect(spared.map(running)).toEqual([true, true, true]);
    expect(await endChildrenOf({ journalId: journal, epoch: 9 })).toEqual([]);
  });
});
