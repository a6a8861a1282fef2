// Lets the sensors write, waits until all has arrived, prints it, and compares it with what the sensors know.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Orchestrator } from "sluice";
import { createPool } from "sluice/postgres";
import { check, printTable, title } from "../support/print.ts";
import type { Databases } from "./databases.ts";
import { measure, type HourOfRain } from "./sensors.ts";

/** Nothing changing for so long, in milliseconds, means that something is wrong. */
const PATIENCE = 30_000;
// Read before anything is started.
const readings = readOptions();

/** Answers whether the reporting database says what the sensors know. */
export async function demonstrate(orchestrator: Orchestrator, databases: Databases): Promise<boolean> {
  await using raw = await createPool({ connectionString: databases.raw });
  await using reporting = await createPool({ connectionString: databases.reporting });
  orchestrator.onError(({ message }) => console.error(message));

  await orchestrator.ready(); // what is written before an input listens is not seen by it
  console.error(`${readings} readings are on their way to ${databases.reporting}`);
  const known = await measure(raw, readings);

  await untilAllArrived(orchestrator);

  const { rows: hours } = await reporting.query<HourOfRain>(
    `select stadium, to_char(hour at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as hour, millimetres, advice
     from rain_by_hour order by stadium, hour`,
  );
  title("The reporting database: rain_by_hour");
  printTable(
    ["stadium", "hour", "millimetres", "advice"],
    hours.map(({ stadium, hour, millimetres, advice }) => [stadium, hour, millimetres, advice]),
  );

  title("Dead letters, kept with their reasons");
  const dead = await orchestrator.history.deadLetters();
  printTable(
    ["process", "code", "runs"],
    dead.map(({ process, error, count }) => [process, error.code, count]),
  );

  title("What the sensors know against what arrived");
  const { cleanse, report } = await countRuns(orchestrator);
  const wrong = differences(known.hours, hours);
  const checks = [
    check(known.sound === report.succeeded, `${known.sound} sound readings, ${report.succeeded} reported`),
    check(known.broken === cleanse.dead, `${known.broken} impossible ones, ${cleanse.dead} dead letters`),
    check(wrong.length === 0, `${known.hours.length} hours of rain, ${wrong.length} of them differ`),
  ];
  for (const line of wrong) console.log(`      ${line}`);
  return !checks.includes(false);
}

function readOptions(): number {
  const { values } = parseArgs({ options: { readings: { type: "string", default: "144" } } });
  const readings = Number(values.readings);
  if (!Number.isInteger(readings) || readings < 1) throw new Error("--readings takes a whole number above 0");
  return readings;
}

/** Each reading is one run of cleanse; each run of it that succeeds adds a row, which is one run of report. */
function untilAllArrived(orchestrator: Orchestrator): Promise<void> {
  return until(async () => {
    const { cleanse, report } = await countRuns(orchestrator);
    const isDone = finished(cleanse) === readings && finished(report) === cleanse.succeeded;
    return { seen: [cleanse, report], isDone };
  });
}

/** Looks until it is done; gives up when what is seen does not change any more. */
async function until(look: () => Promise<{ seen: unknown; isDone: boolean }>): Promise<void> {
  let last = "";
  for (let since = Date.now(); ; await sleep(50)) {
    const { seen, isDone } = await look();
    if (isDone) return;
    if (JSON.stringify(seen) !== last) [last, since] = [JSON.stringify(seen), Date.now()];
    if (Date.now() - since > PATIENCE) throw new Error(`nothing changes any more: ${last}`);
  }
}

interface Counts {
  readonly succeeded: number;
  readonly dead: number;
}

async function countRuns(orchestrator: Orchestrator): Promise<Record<"cleanse" | "report", Counts>> {
  const { runs } = await orchestrator.history.counters();
  const of = (process: string): Counts => ({ succeeded: 0, dead: 0, ...runs[process] });
  return { cleanse: of("cleanse"), report: of("report") };
}

function finished({ succeeded, dead }: Counts): number {
  return succeeded + dead;
}

/** Where the two differ, in words; empty if they agree. */
function differences(known: readonly HourOfRain[], arrived: readonly HourOfRain[]): string[] {
  const [wanted, found] = [byHour(known), byHour(arrived)];
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .toSorted()
    .filter((key) => wanted.get(key) !== found.get(key))
    .map((key) => `${key}: sensors ${wanted.get(key) ?? "nothing"}; report ${found.get(key) ?? "nothing"}`);
}

function byHour(hours: readonly HourOfRain[]): ReadonlyMap<string, string> {
  return new Map(
    hours.map(({ stadium, hour, millimetres, advice }) => [
      `${stadium} ${hour}`,
      `${millimetres} mm, ${advice}`,
    ]),
  );
}
