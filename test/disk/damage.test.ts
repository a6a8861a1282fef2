import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seeded } from "../../src/testing/journal/tester.ts";
import { flips, makeImage, otherThan, tally, truncations, type Image } from "./damage.ts";

describe("a journal whose file was damaged", { timeout: 90_000 }, () => {
  let closed: Image;
  let killed: Image;
  beforeAll(async () => {
    [closed, killed] = [await makeImage("closed"), await makeImage("killed")];
  });
  afterAll(() => Promise.all([closed.remove(), killed.remove()]));

  test("is reported, wherever it was cut off", async () => {
    const done = await truncations(closed, "", 15, seeded(1));
    expect(otherThan(done, "reported")).toEqual([]);
  });

  // SQLite's pages carry no checksums: a bit of what an event says can turn unseen, but no row can go.
  test("is reported, or answers all its rows, whichever bit was turned", async () => {
    const done = await flips(closed, "", 40, seeded(2));
    expect(otherThan(done, "complete", "reported", "altered")).toEqual([]);
    expect(tally(done)["reported"]).toBeGreaterThan(0);
  });

  // So SQLite promises (https://www.sqlite.org/walformat.html, section 4.3): the log counts up to its first bad frame.
  test("holds all that was committed up to some commit, if its log was cut off or a bit of it was turned", async () => {
    const done = [
      ...(await truncations(killed, "-wal", 12, seeded(3))),
      ...(await flips(killed, "-wal", 12, seeded(4))),
    ];
    expect(otherThan(done, "complete", "prefix", "reported")).toEqual([]);
    const lengths = done.map(({ finding }) => (finding.type === "prefix" ? finding.events : 0));
    expect(new Set(lengths).size, "where it ends depends on the damage").toBeGreaterThan(3);
  });
});
