import type { RunCounts } from "./pipeline.ts";

interface Stage {
  readonly succeeded: number;
  readonly dead: number;
}
/** What each process has finished. */
export type Stages = Readonly<Record<"land" | "enrich" | "report", Stage>>;

export function countStages(counts: ReadonlyMap<string, RunCounts>): Stages {
  const stage = (name: string): Stage => ({ succeeded: 0, dead: 0, ...counts.get(name) });
  return { land: stage("land"), enrich: stage("enrich"), report: stage("report") };
}

/**
 * Whether everything has arrived. Each run that succeeds changes one row, and each change of a row is one event of the
 * next stage; so the number of events that the shop knows to be taken tells how many runs each stage has to finish.
 */
export function haveAllArrived({ land, enrich, report }: Stages, taken: number): boolean {
  return (
    finished(land) === taken && finished(enrich) === land.succeeded && finished(report) === enrich.succeeded
  );
}

function finished({ succeeded, dead }: Stage): number {
  return succeeded + dead;
}
