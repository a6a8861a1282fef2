import type { Command } from "commander";
import type { Journey } from "../../journal/history.ts";
import { SluiceError } from "../../model/errors.ts";
import { isUid } from "../../model/event.ts";
import { parseRunId, type AttemptRow, type RunRow } from "../../model/run.ts";
import type { Client } from "../client.ts";
import { withClient, withTarget } from "../connect.ts";
import { followJourney, renderJourney } from "../journey.ts";
import type { Target } from "../locate.ts";
import { paintState, print, printJson, stateCell, table } from "../output.ts";
import { clip, harmless, plural } from "../text.ts";
import { between, lapse, localTime } from "../time.ts";

interface Options extends Target {
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  $ sluice show 0193c0de-0000-7000-8000-000000000001          what became of an event, through all stages
  $ sluice show 0193c0de-0000-7000-8000-000000000001/enrich   one run and its attempts
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("<uid|run>", "an event's uid, or a run's id")
    .option("--json", 'print {"event":…,"runs":[…],"caused":[…]}, or {"run":…,"attempts":[…]}')
    .addHelpText("after", EXAMPLES)
    .action(async (id: string, options: Options) => {
      const isRun = parseRunId(id) !== undefined;
      if (!isRun && !isUid(id)) {
        throw new SluiceError(
          "INVALID_QUERY",
          `${JSON.stringify(id)} is neither the uid of an event (a UUID) nor the id of a run (UUID/process)`,
        );
      }
      await withClient(options, (client) =>
        isRun ? showRun(client, id, options.json === true) : showEvent(client, id, options.json === true),
      );
    });
}

async function showEvent(client: Client, uid: string, asJson: boolean): Promise<void> {
  const journey = await client.get<Journey>(`events/${uid}`);
  if (asJson) return printJson(journey);
  const tree = await followJourney(journey, (caused) => client.get<Journey>(`events/${caused}`));
  for (const line of renderJourney(tree)) print(line);
}

async function showRun(client: Client, id: string, asJson: boolean): Promise<void> {
  const path = `runs/${encodeURIComponent(id)}`;
  const run = await client.get<RunRow>(path);
  const { items: attempts } = await client.get<{ items: readonly AttemptRow[] }>(`${path}/attempts`);
  if (asJson) return printJson({ run, attempts });
  print(`${harmless(run.id)}  ${paintState(run.state)} after ${plural(run.attempts, "attempt")}`);
  if (run.dueAt !== null) print(`due at    ${localTime(run.dueAt)}`);
  if (run.replayOf !== null) print(`replays   ${harmless(run.replayOf)}`);
  if (run.error !== null) print(`error     ${harmless(`${run.error.code} ${run.error.message}`)}`);
  print(`event     sluice show ${run.event}`);
  print(`log       sluice logs ${harmless(run.id)}`);
  if (attempts.length === 0) return;
  print(
    `\n${table(["ATTEMPT", "OUTCOME", "STARTED", "TOOK", "VERSION", "FENCE", "ERROR"], attempts.map(cells))}`,
  );
}

function cells(attempt: AttemptRow): Parameters<typeof table>[1][number] {
  const { outcome, startedAt, finishedAt, version, fence, error } = attempt;
  return [
    attempt.attempt,
    stateCell(outcome),
    localTime(startedAt),
    finishedAt === null ? "-" : lapse(between(startedAt, finishedAt)),
    version,
    fence,
    error === null ? "" : clip(`${error.code} ${error.message}`, 100),
  ];
}
