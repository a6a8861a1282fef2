// Three simulated rain sensors. They know nothing of the pipeline, but remember what they have measured.
import type { Pool } from "sluice/postgres";

/** A row of the raw database's `readings`, as an event carries it: numeric as text. */
export interface Reading {
  readonly stadium: string;
  readonly read_at: string;
  readonly amount: string;
  readonly unit: string;
}

/** A row of the reporting database's `rain_by_hour`. */
export interface HourOfRain {
  readonly stadium: string;
  readonly hour: string;
  readonly millimetres: string;
  readonly advice: string;
}

/** What the sensors know: the other side of the check that nothing was lost or done twice. */
export interface Known {
  /** Readings that make sense. */
  readonly sound: number;
  readonly broken: number;
  readonly hours: readonly HourOfRain[];
}

/** Each counts in steps of its own: 0.01 mm are 10 micrometres, 0.01 in are 254. */
const SENSORS = [
  { stadium: "Maracanã", unit: "mm", step: 10 },
  { stadium: "Rose Bowl", unit: "in", step: 254 },
  { stadium: "Wembley", unit: "mm", step: 10 },
] as const;
const FIRST = Date.parse("2026-06-13T14:00:00Z");
const FIVE_MINUTES = 5 * 60_000;
/** Every so many readings, a sensor is broken. */
const BROKEN = 11;

interface Sum {
  readonly stadium: string;
  readonly hour: string;
  readonly micrometres: number;
}

/** Writes so many readings, the sensors in turn: always the same, so that the end can be compared with the README. */
export async function measure(raw: Pool, readings: number): Promise<Known> {
  const sums = new Map<string, Sum>();
  let broken = 0;
  for (let index = 0; index < readings; index += 1) {
    const sensor = index % SENSORS.length;
    const { stadium, unit, step } = SENSORS[sensor] as (typeof SENSORS)[number];
    const turn = Math.floor(index / SENSORS.length);
    const read_at = new Date(FIRST + turn * FIVE_MINUTES).toISOString();
    const steps = Math.round(shower(sensor, turn) / step);
    const reading = { stadium, read_at, amount: (steps / 100).toFixed(2), unit };

    if (index % BROKEN === BROKEN - 1) {
      broken += 1;
      await write(raw, { ...reading, ...(broken % 2 === 0 ? { amount: "-9.99" } : { unit: "frogs" }) });
      continue;
    }
    await write(raw, reading);
    const hour = read_at.slice(0, "2026-06-13T14".length).replace("T", " ") + ":00";
    const { micrometres } = sums.get(stadium + hour) ?? { micrometres: 0 };
    sums.set(stadium + hour, { stadium, hour, micrometres: micrometres + steps * step });
  }
  return { sound: readings - broken, broken, hours: [...sums.values()].map(toHourOfRain) };
}

/** Micrometres of rain in five minutes: showers come and go. */
function shower(sensor: number, turn: number): number {
  return Math.max(0, 100 + 600 * Math.sin(turn / 8 + 2 * sensor));
}

function write(raw: Pool, { stadium, read_at, amount, unit }: Reading): Promise<unknown> {
  const values = [stadium, read_at, amount, unit];
  return raw.query("insert into readings (stadium, read_at, amount, unit) values ($1, $2, $3, $4)", values);
}

function toHourOfRain({ stadium, hour, micrometres }: Sum): HourOfRain {
  const advice = micrometres >= 4_000 ? "cover the pitch" : "play";
  return { stadium, hour, millimetres: (micrometres / 1_000).toFixed(3), advice };
}
