import { get, segment } from "./api.ts";
import type { EventRow, Journey, RunRow } from "./types.ts";

/** An event or a run of a journey, under what led to it. */
export type Step =
  | {
      readonly kind: "event";
      readonly depth: number;
      readonly parent: number | undefined;
      readonly event: EventRow;
    }
  | { readonly kind: "run"; readonly depth: number; readonly parent: number; readonly run: RunRow };

export interface Route {
  readonly steps: readonly Step[];
  /** Whether there is more than was read. */
  readonly isCut: boolean;
}

const MOST_EVENTS = 60;
const MOST_HOPS = 32;

/** Goes back to the event that nothing caused, and from there reads all that followed. */
export async function readJourney(uid: string, signal: AbortSignal): Promise<Route> {
  const read = (of: string): Promise<Journey> => get<Journey>(`events/${segment(of)}`, {}, signal);
  const asked = await read(uid);
  const root = await findRoot(asked, read);
  const steps: Step[] = [];
  const seen = new Set<string>();
  let isCut = false;

  const add = async (journey: Journey, depth: number, parent: number | undefined): Promise<void> => {
    seen.add(journey.event.uid);
    const place = steps.push({ kind: "event", depth, parent, event: journey.event }) - 1;
    for (const run of journey.runs) {
      const runPlace = steps.push({ kind: "run", depth: depth + 1, parent: place, run }) - 1;
      for (const caused of journey.caused.filter((event) => wasCausedBy(event, run.id))) {
        if (seen.has(caused.uid)) continue;
        if (seen.size >= MOST_EVENTS) isCut = true;
        else await add(await read(caused.uid), depth + 2, runPlace);
      }
    }
    for (const caused of journey.caused) {
      if (seen.has(caused.uid)) continue;
      if (seen.size >= MOST_EVENTS) isCut = true;
      else await add(await read(caused.uid), depth + 1, place);
    }
  };
  await add(root, 0, undefined);
  return { steps, isCut };
}

function wasCausedBy({ cause }: EventRow, run: string): boolean {
  return cause?.runs.includes(run) === true;
}

async function findRoot(from: Journey, read: (uid: string) => Promise<Journey>): Promise<Journey> {
  let journey = from;
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const run = journey.event.cause?.runs[0];
    const uid = run?.split("/", 1)[0];
    if (uid === undefined || uid === "") return journey;
    // What caused it may have been pruned, or happened in another pipeline.
    const before = await read(uid).catch(() => undefined);
    if (before === undefined) return journey;
    journey = before;
  }
  return journey;
}
