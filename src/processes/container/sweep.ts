import { hostname } from "node:os";
import { isMarkOfAnother, ownMark } from "../../child/proc.ts";
import { EPHEMERAL_JOURNAL } from "../../model/component.ts";
import { isKeptName, runNameOf } from "./create.ts";
import { removeContainer, unlessMissing, withEngine, type ContainerRow, type Docker } from "./driver.ts";
import { sweepFiles } from "./files.ts";

/** How long a container that ended may wait for its run, which may itself be waiting or gone. */
const UNCLAIMED = 7 * 24 * 3_600_000;

export interface Sweep {
  readonly journal: string;
  readonly process: string;
  readonly now: number;
  /** Of the files of its runs. */
  readonly folder: string | undefined;
}

/** Removes the containers of a process that nobody needs any more, and their files; answers how many. */
export async function sweepContainers(
  docker: Docker,
  { journal, process, now, folder }: Sweep,
): Promise<number> {
  const label = [`sluice.journal=${journal}`, `sluice.process=${process}`];
  const rows = await withEngine("list its containers", () =>
    docker.listContainers({ all: true, filters: { label } }),
  );
  let removed = 0;
  for (const row of rows) {
    // What the engine does not let go of now is for the next sweep; no run fails for it, and no process stays closed.
    const isGone = await sweepOne(docker, row, now).catch(() => false);
    if (isGone) removed += 1;
  }
  if (folder !== undefined) {
    // Those of the containers that are gone now are found the next time.
    const names = rows.flatMap((row) => row.Names.map(runNameOf));
    await sweepFiles(folder, new Set(names), now).catch(() => undefined);
  }
  return removed;
}

async function sweepOne(docker: Docker, row: ContainerRow, now: number): Promise<boolean> {
  if (!(await isDone(docker, row, now))) return false;
  await removeContainer(docker.getContainer(row.Id));
  return true;
}

async function isDone(docker: Docker, row: ContainerRow, now: number): Promise<boolean> {
  if (row.Labels["sluice.journal"] === EPHEMERAL_JOURNAL && (await isOwnerless(row))) return true;
  if (row.State !== "exited" && row.State !== "dead") return false;
  const details = await unlessMissing(docker.getContainer(row.Id).inspect());
  if (details === undefined) return false;
  const isKept = row.Names.some(isKeptName);
  const patience = isKept ? Number(row.Labels["sluice.keep"]) || 0 : UNCLAIMED;
  return Date.parse(details.State.FinishedAt) + patience < now;
}

/** The runs of a journal in memory died with its process: nobody will ask for their containers. */
async function isOwnerless({ Labels }: ContainerRow): Promise<boolean> {
  const owner = Labels["sluice.owner"] ?? "";
  if (Labels["sluice.host"] !== hostname() || owner === "" || owner === ownMark()) return false;
  return !(await isMarkOfAnother(owner));
}
