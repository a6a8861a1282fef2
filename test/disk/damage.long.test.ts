import { expect, test } from "vitest";
import { seeded } from "../../src/testing/journal/tester.ts";
import { flips, makeImage, otherThan, tally, truncations } from "./damage.ts";

test("a damaged journal is reported or complete, at hundreds of places", async () => {
  const seed = Math.floor(Math.random() * 1e9);
  const [closed, killed] = [await makeImage("closed"), await makeImage("killed")];
  try {
    const cut = await truncations(closed, "", 200, seeded(seed));
    const turned = await flips(closed, "", 1_500, seeded(seed + 1));
    const log = [
      ...(await truncations(killed, "-wal", 150, seeded(seed + 2))),
      ...(await flips(killed, "-wal", 150, seeded(seed + 3))),
    ];
    const tallies = JSON.stringify({ seed, cut: tally(cut), turned: tally(turned), log: tally(log) });
    process.stdout.write(`damaged journals: ${tallies}\n`);
    expect(otherThan(cut, "reported")).toEqual([]);
    expect(otherThan(turned, "complete", "reported", "altered")).toEqual([]);
    expect(otherThan(log, "complete", "prefix", "reported")).toEqual([]);
  } finally {
    await Promise.all([closed.remove(), killed.remove()]);
  }
}, 900_000);
