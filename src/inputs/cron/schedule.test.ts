import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSchedule } from "./schedule.ts";

const iso = (moments: readonly (number | undefined)[]) =>
  moments.map((moment) => new Date(moment ?? Number.NaN).toISOString().slice(0, 16));

/** All moments of (from, to], one after the other. */
function all(pattern: string, timezone: string, from: string, to: string): string[] {
  const schedule = parseSchedule(pattern, timezone);
  const moments: number[] = [];
  const end = Date.parse(to);
  for (let at = schedule.next(Date.parse(from)); at !== undefined && at <= end; at = schedule.next(at))
    moments.push(at);
  return iso(moments);
}

describe("a schedule over the edges of summer time", () => {
  test("in spring a fixed time that is skipped comes at the end of the gap, once", () => {
    expect(all("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00Z", "2026-03-31T00:00Z")).toEqual([
      "2026-03-28T01:30",
      "2026-03-29T01:00",
      "2026-03-30T00:30",
    ]);
  });

  test("in autumn a fixed time that comes twice counts once", () => {
    expect(all("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00Z", "2026-10-27T00:00Z")).toEqual([
      "2026-10-24T00:30",
      "2026-10-25T00:30",
      "2026-10-26T01:30",
    ]);
  });

  test.each(["2026-03-29", "2026-10-25"])("intervals follow real time on %s", (day) => {
    const moments = all("*/20 * * * *", "Europe/Berlin", `${day}T00:00Z`, `${day}T03:00Z`);
    expect(moments).toEqual(all("*/20 * * * *", "UTC", `${day}T00:00Z`, `${day}T03:00Z`));
    expect(moments).toHaveLength(9);
  });

  test("a zone that changes by half an hour is no different", () => {
    expect(all("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00Z", "2026-10-05T00:00Z")).toHaveLength(
      2,
    );
  });
});

describe("the moments between two others", () => {
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe");
  const pattern = fc.constantFrom(
    "*/20 * * * *",
    "30 2 * * *",
    "0 */2 * * *",
    "15 1,2,3 * * 0",
    "@hourly",
    "*/30 * * * * *",
  );
  // Around the changes of both halves of the year.
  const start = fc
    .tuple(
      fc.constantFrom("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"),
      fc.integer({ min: -86_400_000, max: 86_400_000 }),
    )
    .map(([day, offset]) => Date.parse(day) + offset);

  test("are the latest ones, as walking on from moment to moment finds them", () => {
    fc.assert(
      fc.property(
        pattern,
        zone,
        start,
        fc.nat(7_200_000),
        fc.integer({ min: 1, max: 30 }),
        (text, timezone, from, length, most) => {
          const schedule = parseSchedule(text, timezone);
          const walked: number[] = [];
          for (let at = schedule.next(from); at !== undefined && at <= from + length; at = schedule.next(at))
            walked.push(at);
          expect(iso(schedule.between(from, from + length, most))).toEqual(iso(walked.slice(-most)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("are few even where few there ever were", () => {
    const schedule = parseSchedule("0 0 29 2 *", "UTC");
    expect(iso(schedule.between(Date.UTC(2023), Date.UTC(2026), 1_000))).toEqual(["2024-02-29T00:00"]);
  });
});

describe("a schedule", () => {
  test.each([
    "",
    "* * * *",
    "* * * * * * *",
    "61 * * * *",
    "* 25 * * *",
    "0 0 31 2 *",
    "0 0 30 FEB *",
    "nonsense",
    "2026-05-05T00:00:00Z",
    "@never",
    "*/0 * * * *",
    "5-1 * * * *",
    "-1 * * * *",
  ])("is none that could ever be: %j", (text) => {
    expect(() => parseSchedule(text, "UTC")).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });

  test("needs a time zone that exists", () => {
    expect(() => parseSchedule("* * * * *", "Mars/Olympus")).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS" }),
    );
  });

  test("may be rare", () => {
    expect(iso([parseSchedule("0 0 29 2 *", "UTC").next(Date.UTC(2096, 2, 1))])).toEqual([
      "2104-02-29T00:00",
    ]);
  });
});
