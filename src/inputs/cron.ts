import { z } from "zod";
import { sleep } from "../model/clock.ts";
import type { Input, InputContext } from "../model/component.ts";
import { isoTime } from "../model/event.ts";
import { defineInput, type InputKind } from "../model/kind.ts";
import { parseSchedule, type Schedule } from "./cron/schedule.ts";

/** Options of the `cron` input. */
export interface CronInputOptions {
  /** Five cron fields (minute, hour, day, month, weekday), six with seconds first, or a nickname such as `@daily`. */
  readonly schedule: string;
  /** IANA name of the time zone. Defaults to `UTC`. */
  readonly timezone?: string | undefined;
  /** Which of the moments missed while it did not run are made up for. Defaults to `last`. */
  readonly catchUp?: CatchUp | undefined;
  /** Most missed moments that are made up for under `all`, the latest ones: 1 to 100,000. Defaults to 1,000. */
  readonly maxCatchUp?: number | undefined;
}

export type CatchUp = "none" | "last" | "all";

interface Options {
  readonly schedule: string;
  readonly timezone: string;
  readonly catchUp: CatchUp;
  readonly maxCatchUp: number;
}

const options: z.ZodType<Options, CronInputOptions> = z.strictObject({
  schedule: z
    .string()
    .describe("Five cron fields (minute, hour, day, month, weekday), or six with seconds first."),
  timezone: z.string().min(1).default("UTC").describe("IANA name of the time zone. Defaults to UTC."),
  catchUp: z
    .enum(["none", "last", "all"])
    .default("last")
    .describe("Which of the moments missed while it did not run are made up for. Defaults to last."),
  maxCatchUp: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_000)
    .describe("Most missed moments that are made up for under all, the latest ones. Defaults to 1000."),
});

/**
 * Emits an event at each moment of a schedule; the moment is the event's `id` and `time`. Each moment is emitted once,
 * over restarts too: how far it got is kept in the same commit as the event. A fixed time of day that a change to
 * summer time skips comes at the end of the gap, one that comes twice counts once; intervals follow real time.
 */
export const cronInput: InputKind<CronInputOptions, Options, undefined> = defineInput({
  type: "cron",
  summary: "Emits an event at each moment of a schedule.",
  options,
  create: createCronInput,
});

const CURSOR = "cursor";
/** Longest time between two looks at the clock: it may have been stepped. */
const LOOK = 10_000;
/** What comes later than this, while the input runs, was missed, as in a machine that slept. */
const LATE = 60_000;
/** Moments that may come due within that time, one a second. */
const ON_TIME = LATE / 1_000 + 1;
/** A cursor so far ahead was left by a clock that was wrong; it would keep the schedule silent. */
const TOO_FAR_AHEAD = 25 * 60 * 60 * 1_000;
/** A clock before this was not set yet, as on a board that boots without a battery. */
const CLOCK_IS_SET = Date.UTC(2025, 0, 1);

function createCronInput(name: string, given: Options): Input<undefined> {
  const schedule = parseSchedule(given.schedule, given.timezone);
  const limit = given.catchUp === "all" ? given.maxCatchUp : ON_TIME;
  /** A moment that could not be emitted: it is due, not missed, when the input is started again. */
  let owed: number | undefined;

  async function handle(context: InputContext<undefined>): Promise<void> {
    const { clock, signal, state } = context;
    const kept = readCursor((await state.get(CURSOR))?.value);
    let cursor = kept ?? clock.now();
    if (kept === undefined) await state.put(CURSOR, isoTime(cursor));
    let patience = 0;
    while (!signal.aborted) {
      const now = clock.now();
      cursor = plausible(context, cursor, now);
      for (const moment of choose(context, cursor, now, patience)) {
        if (signal.aborted) return;
        owed = moment;
        await emitMoment(context, moment);
        owed = undefined;
      }
      cursor = Math.max(cursor, now);
      patience = LATE;
      await sleep(clock, delay(schedule, cursor, clock.now()), signal);
    }
  }

  /** Which of the moments in (cursor, now] are emitted. */
  function choose(
    context: InputContext<undefined>,
    cursor: number,
    now: number,
    patience: number,
  ): readonly number[] {
    const due = schedule.between(cursor, now, limit);
    const onTime = due.filter((moment) => now - moment <= patience || isOwed(moment));
    if (onTime.length === due.length) return due;
    const { catchUp } = given;
    const isCut = due.length === limit && schedule.next(cursor) !== due[0];
    context.log.warn(
      { input: name, catchUp, since: isoTime(cursor), cut: isCut },
      "moments of the schedule were missed",
    );
    if (catchUp === "all") return due;
    return catchUp === "last" && onTime.length === 0 ? due.slice(-1) : onTime;
  }

  function isOwed(moment: number): boolean {
    return owed !== undefined && moment >= owed && moment <= owed + LATE;
  }

  return { name, type: "cron", handle };
}

async function emitMoment(context: InputContext<undefined>, moment: number): Promise<void> {
  const time = isoTime(moment);
  await context.emit({ id: time, time }, { dedupe: time, state: { [CURSOR]: time } });
}

function plausible(context: InputContext<undefined>, cursor: number, now: number): number {
  if (cursor - now <= TOO_FAR_AHEAD || now < CLOCK_IS_SET) return cursor;
  context.log.warn(
    { input: context.name, cursor: isoTime(cursor) },
    "the last moment lies more than a day ahead: the clock was wrong then, or is now; going on from now",
  );
  return now;
}

/** Until the next moment, but never so long that a stepped clock goes unnoticed. */
function delay(schedule: Schedule, cursor: number, now: number): number {
  const next = schedule.next(cursor);
  return next === undefined ? LOOK : Math.max(1, Math.min(LOOK, next - now));
}

function readCursor(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(time) ? time : undefined;
}
