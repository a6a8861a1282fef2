import { Cron } from "croner";
import { SluiceError } from "../../model/errors.ts";

/** The moments of a schedule, in milliseconds since 1970. */
export interface Schedule {
  /** The first moment after `moment`; `undefined` if there is none any more. */
  next(moment: number): number | undefined;
  /** Up to `atMost` moments in (`after`, `until`], the latest ones if there are more, in their order. */
  between(after: number, until: number, atMost: number): readonly number[];
}

/** Where an impossible schedule is looked for: 29 February on a given weekday comes within 28 years (40 over 2100). */
const SOMETIME = Date.UTC(2026, 0, 1);
const NICKNAME = /^@[a-z]+$/i;

/**
 * @param pattern five fields, or six beginning with seconds, or a nickname such as `@daily`
 * @param timezone an IANA name
 * @throws SluiceError INVALID_OPTIONS if the pattern or zone is none, or no moment ever fits
 */
export function parseSchedule(pattern: string, timezone: string): Schedule {
  const fields = pattern.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6 && !NICKNAME.test(pattern.trim())) {
    throw invalid(
      pattern,
      "it must have five fields (minute, hour, day, month, weekday), or six with seconds first",
    );
  }
  let cron: Cron;
  let first: Date | null;
  try {
    cron = new Cron(pattern.trim(), { paused: true, timezone, mode: "5-or-6-parts" });
    first = cron.nextRun(new Date(SOMETIME));
  } catch (cause) {
    throw invalid(pattern, `${(cause as Error).message} (timezone ${timezone})`, cause);
  }
  if (first === null) throw invalid(pattern, "no date ever fits it");
  const next = (moment: number): number | undefined => cron.nextRun(new Date(moment))?.getTime();
  return {
    next,
    between(after, until, atMost) {
      const moments: number[] = [];
      for (let moment = next(after); moment !== undefined && moment <= until; moment = next(moment)) {
        if (moments.length === atMost) return latest(cron, until, atMost);
        moments.push(moment);
      }
      return moments;
    },
  };
}

function latest(cron: Cron, until: number, atMost: number): readonly number[] {
  // A moment at `until` itself counts; croner looks strictly before.
  const moments = cron.previousRuns(atMost, new Date(until + 1)).map((date) => date.getTime());
  return moments.toReversed();
}

function invalid(pattern: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError("INVALID_OPTIONS", `${JSON.stringify(pattern)} is not a schedule: ${why}`, {
    cause,
    details: { path: ["schedule"] },
  });
}
