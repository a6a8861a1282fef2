import type { EventRow, Journey } from "../journal/history.ts";
import type { RunRow } from "../model/run.ts";
import { colours, paintState } from "./output.ts";
import { clip, harmless, plural, toSafeJson } from "./text.ts";
import { between, lapse, localTime } from "./time.ts";

/** An event, what ran for it, and what that caused, through all stages. */
export interface JourneyTree {
  readonly event: EventRow;
  readonly runs: readonly { readonly run: RunRow; readonly caused: readonly JourneyTree[] }[];
  /** Caused by runs that are not its own any more, or not known. */
  readonly others: readonly JourneyTree[];
  /** Whether the journey goes on further than it was followed. */
  readonly isCut: boolean;
}

/** Events of one journey that are followed: enough for people, and an end to every loop. */
const LONGEST = 500;

/** Follows what an event caused, and what that caused. */
export async function followJourney(
  start: Journey,
  load: (uid: string) => Promise<Journey>,
): Promise<JourneyTree> {
  const seen = new Set([start.event.uid]);

  async function follow({ event, runs, caused }: Journey): Promise<JourneyTree> {
    const fresh = caused.filter(({ uid }) => !seen.has(uid)).slice(0, Math.max(0, LONGEST - seen.size));
    for (const { uid } of fresh) seen.add(uid);
    const isCut = fresh.length < caused.length;
    const trees: JourneyTree[] = [];
    for (const { uid } of fresh) trees.push(await follow(await load(uid)));
    const ids = new Set(runs.map((run) => run.id));
    return {
      event,
      isCut,
      runs: runs.map((run) => ({ run, caused: trees.filter((tree) => causeAmong(tree, ids) === run.id) })),
      others: trees.filter((tree) => causeAmong(tree, ids) === undefined),
    };
  }

  return follow(start);
}

function causeAmong({ event }: JourneyTree, runs: ReadonlySet<string>): string | undefined {
  return event.cause?.runs.find((run) => runs.has(run));
}

/** The lines of an indented tree; times count from its first event. */
export function renderJourney(tree: JourneyTree): readonly string[] {
  const { time } = tree.event;
  return [...describeEvent(tree.event, localTime(time)), ...indent(branchesOf(tree, time))];
}

type Branch = readonly string[];

function branchesOf(tree: JourneyTree, start: string): readonly Branch[] {
  const events = (trees: readonly JourneyTree[]): readonly Branch[] =>
    trees.map((caused) => [
      ...describeEvent(caused.event, `+${lapse(Math.max(0, between(start, caused.event.time)))}`),
      ...indent(branchesOf(caused, start)),
    ]);
  return [
    ...tree.runs.map(({ run, caused }) => [...describeRun(run), ...indent(events(caused))]),
    ...events(tree.others),
    ...(tree.isCut ? [[colours.dim("… more, or what was shown before")]] : []),
  ];
}

function indent(branches: readonly Branch[]): readonly string[] {
  return branches.flatMap((lines, index) => {
    const isLast = index === branches.length - 1;
    return lines.map((line, row) => colours.dim(prefix(isLast, row === 0)) + line);
  });
}

function prefix(isLast: boolean, isFirstRow: boolean): string {
  if (isFirstRow) return isLast ? "└─ " : "├─ ";
  return isLast ? "   " : "│  ";
}

function describeEvent(event: EventRow, when: string): readonly string[] {
  const { operation, location, id, trigger, uid, data } = event;
  const what = harmless(`${operation} ${location}/${id}`);
  const head = `${colours.bold(what)}  ${when}  ${colours.dim(`from ${harmless(trigger)}, event ${uid}`)}`;
  return data === undefined ? [head] : [head, colours.dim(`   ${clip(toSafeJson(data), 100)}`)];
}

function describeRun(run: RunRow): readonly string[] {
  const { process, state, attempts, startedAt, finishedAt, error, id, replayOf } = run;
  const took =
    startedAt === null || finishedAt === null ? "" : ` in ${lapse(between(startedAt, finishedAt))}`;
  const tries = attempts > 1 ? ` after ${plural(attempts, "attempt")}` : "";
  const replay = replayOf === null ? "" : colours.dim(`  replay ${harmless(id.slice(id.indexOf("~")))}`);
  const head = `${harmless(process)} ${paintState(state)}${took}${tries}${replay}`;
  if (error === null) return [head];
  return [head, colours.red(`   ${clip(harmless(`${error.code} ${error.message}`), 160)}`)];
}
