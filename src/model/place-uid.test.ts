import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isUid } from "./event.ts";
import { placeUids, type PlaceUid } from "./place-uid.ts";

const of = (source: string): PlaceUid => placeUids(hash("sha256", source));
const time = Date.UTC(2026, 10, 24);

describe("the uid of a place", () => {
  test("is the same for the same place, and another for any other", () => {
    const uidOf = of("in c t 0");
    const uids = [uidOf(1, time), uidOf(2, time), uidOf(1, time + 1), of("in c t 1")(1, time)];
    expect(new Set(uids).size).toBe(uids.length);
    expect(uids.every(isUid)).toBe(true);
    expect(of("in c t 0")(1, time)).toBe(uids[0]);
  });

  test("comes in the order of time", () => {
    const uids = [0, 1, time, time + 1, Date.UTC(9999, 11, 31)].map((at) => of("in")(9, at));
    expect(uids.toSorted()).toEqual(uids);
  });

  test("is one at the largest place and time, too", () => {
    expect(isUid(of("in")(Number.MAX_SAFE_INTEGER, Date.UTC(9999, 11, 31)))).toBe(true);
  });
});
