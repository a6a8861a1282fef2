import type { Command } from "commander";
import type { EventReplayReport, RunOutcome } from "../../engine/handles.ts";
import { systemClock } from "../../engine/system.ts";
import { SluiceError } from "../../model/errors.ts";
import { Pace } from "../../model/pace.ts";
import { parseRate } from "../../model/rate.ts";
import type { Client } from "../client.ts";
import { withClient, withTarget } from "../connect.ts";
import { readData } from "../data.ts";
import { EVENT_FILTERS, eventFilterOf, withEventFilter, type EventFilterOptions } from "../event-filter.ts";
import type { Target } from "../locate.ts";
import { hint, print, printJson } from "../output.ts";
import { eachRun } from "../outcomes.ts";
import { countOf, runSurvey } from "../survey.ts";
import { harmless, plural } from "../text.ts";

interface Options extends Target, EventFilterOptions {
  readonly state?: string;
  readonly process?: string;
  readonly event?: string;
  readonly fingerprint?: string;
  readonly data?: string;
  readonly events?: boolean;
  readonly to?: string;
  readonly again?: boolean;
  readonly unlinked?: boolean;
  readonly rate?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  $ sluice replay 0193c0de-0000-7000-8000-000000000001/enrich
  $ sluice replay 0193c0de-0000-7000-8000-000000000001/enrich --data @mended.json
  $ sluice replay --state dead --process enrich --dry-run
  $ sluice replay --state dead --process enrich --rate 100/s
  $ sluice replay --events --input raw_orders --since 2026-11-01 --to report --dry-run

A dead or cancelled run is reopened under its id; one that succeeded, or that gets other data, gets a new run. With
--state they go in the order in which their events came, and --input, --since and --until choose among them, too. Events
go to the process as far as its links would carry them today, oldest first; one that has a run there is left, so that
the same command goes on after a Ctrl-C.
`;

/** What belongs to which of the three ways of naming what is to be replayed. */
const KEYS = {
  "ids of runs": ["data"],
  "--state": ["state", "process", "event", "fingerprint", "input", "since", "until", "dryRun"],
  "--events": ["events", "to", "again", "unlinked", "dryRun", ...EVENT_FILTERS],
} as const satisfies Readonly<Record<string, readonly (keyof Options)[]>>;

type Way = keyof typeof KEYS;

export function configure(command: Command): void {
  withEventFilter(
    withTarget(command)
      .argument("[run...]", "ids of runs")
      .option(
        "--data <json>",
        "with one id: with this payload in place of its own: JSON, @FILE, or - for stdin",
      )
      .option("--state <state>", "instead of ids: all runs that are dead, cancelled or succeeded")
      .option("--process <name>", "with --state: only of this process")
      .option("--event <uid>", "with --state: only of this event")
      .option("--fingerprint <id>", "with --state: only of this group of dead letters")
      .option("--events", "instead of runs: events of the past, through --to; with the filters below")
      .option("--to <process>", "with --events: the process that takes them"),
  )
    .option("--again", "with --events: replay the runs of events that have one at the process, too")
    .option("--unlinked", "with --events: also those that no link would carry to the process")
    .option("--rate <rate>", "most runs in a time, such as 100/s (default: no limit)")
    .option("--dry-run", "with --state or --events: count them, and replay none")
    .option("--json", 'print {"matched":…,"replayed":…}')
    .addHelpText("after", EXAMPLES)
    .action(async (runs: readonly string[], options: Options) => {
      const way = wayOf(runs, options);
      checkUsage(way, runs, options);
      await withClient(options, (client) => {
        if (way === "--events") return replayEvents(client, options);
        return way === "--state" ? replayMatching(client, options) : replayRuns(client, runs, options);
      });
    });
}

function wayOf(runs: readonly string[], { state, events }: Options): Way {
  const ways: Way[] = [
    ...(runs.length > 0 ? (["ids of runs"] as const) : []),
    ...(state === undefined ? [] : (["--state"] as const)),
    ...(events === true ? (["--events"] as const) : []),
  ];
  const [way, other] = ways;
  if (way === undefined) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      "say what to replay: ids of runs, --state dead, or --events with a filter and --to",
    );
  }
  if (other !== undefined) throw new SluiceError("INVALID_OPTIONS", `give ${way} or ${other}, but not both`);
  return way;
}

function checkUsage(way: Way, runs: readonly string[], options: Options): void {
  const allowed: readonly string[] = KEYS[way];
  const others = Object.values(KEYS).flat() as readonly (keyof Options)[];
  const stray = others.find((key) => options[key] !== undefined && !allowed.includes(key));
  if (stray !== undefined) {
    const flag = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new SluiceError("INVALID_OPTIONS", `--${flag} says nothing beside ${way}`);
  }
  if (options.data !== undefined && runs.length !== 1) {
    throw new SluiceError("INVALID_OPTIONS", "other data are for one run: name one");
  }
  if (options.rate !== undefined) parseRate(options.rate);
  if (way !== "--events") return;
  if (options.to === undefined) throw new SluiceError("INVALID_OPTIONS", "say which process: --to NAME");
  if (Object.keys(eventFilterOf(options)).length > 0) return;
  throw new SluiceError("INVALID_OPTIONS", "say which events: --input, --location, --key, --since …");
}

async function replayRuns(client: Client, runs: readonly string[], options: Options): Promise<void> {
  const { data, rate, json } = options;
  const body = data === undefined ? {} : { data: await readData(data) };
  const pace = new Pace(rate === undefined ? undefined : parseRate(rate), systemClock);
  const outcomes = await eachRun(client, runs, "replay", body, pace);
  const replayed = outcomes.filter((outcome) => outcome.ok);
  if (json === true) printJson({ matched: runs.length, replayed: replayed.length, runs: outcomes });
  else for (const outcome of replayed) print(describe(outcome));
}

function describe({ id, run = id }: RunOutcome): string {
  return run === id ? `${id} was reopened` : `${id} is replayed by ${run}`;
}

async function replayMatching(client: Client, options: Options): Promise<void> {
  const { state, process, event, fingerprint, dryRun = false, rate } = options;
  const filter = { state, process, event, fingerprint, ...eventFilterOf(options) };
  const request = { filter, dryRun, rate };
  const counts =
    rate === undefined
      ? await client.post<{ matched: number; replayed: number }>("runs/replay", request)
      : await runSurvey<{ matched: number; replayed: number }>(client, "runs/replay", request, "runs");
  if (options.json === true) return printJson(counts);
  const matched = plural(counts.matched, "run");
  if (!dryRun) return print(`${counts.replayed} of ${matched} replayed`);
  print(`${matched} would be replayed`);
  if (counts.matched > 0) hint("leave --dry-run away to replay");
}

async function replayEvents(client: Client, options: Options): Promise<void> {
  const { to, rate, dryRun, again, unlinked } = options;
  const request = { filter: eventFilterOf(options), to, rate, dryRun, again, unlinked };
  const report = await runSurvey<EventReplayReport>(client, "events/replay", request, "events");
  if (options.json === true) return printJson(report);
  const { matched, replayed, samples } = report;
  if (dryRun !== true) return print(`${countOf(replayed)} of ${countOf(matched)} events sent to ${to}`);
  print(`${plural(matched, "event")} would go to ${to}`);
  for (const uid of samples) print(`  ${harmless(uid)}`);
  if (matched > samples.length) print("  …");
  if (matched > 0) hint("leave --dry-run away to send them; sluice show UID shows one");
}
