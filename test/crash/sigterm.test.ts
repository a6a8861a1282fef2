import { describe, expect, test } from "vitest";
import { Hosted } from "./hosted.ts";

describe("SIGTERM under load", () => {
  test("finishes what runs, hands back the rest, exits with 0, and nothing that finished is done twice", async () => {
    await using hosted = await Hosted.make({
      grace: 1_000,
      processes: [{ name: "quick" }, { name: "slow", takes: 100 }, { name: "longer", takes: 60_000 }],
    });
    await hosted.start();
    await hosted.load(1_000, () => hosted.sent >= 300);
    const asked = performance.now();
    hosted.signal("SIGTERM");
    const { code } = await hosted.exited();
    expect(performance.now() - asked).toBeLessThan(1_000 + 2_000);
    expect(code).toBe(0);
    const doneBefore = [...hosted.ledger.runs].filter(([, notes]) => notes.done === 1).map(([run]) => run);

    await hosted.start();
    const mine = ["quick", "slow"];
    await hosted.finish(20_000, mine);
    expect(hosted.ledger.missing(mine)).toEqual([]);
    const twice = doneBefore.filter((run) => hosted.ledger.runs.get(run)?.starts.length !== 1);
    expect(twice).toEqual([]);
    const cutOff = [...hosted.ledger.runs].filter(
      ([run, { starts }]) => run.endsWith("/longer") && starts.length === 2,
    );
    expect(cutOff.length, "what was cut off is started again").toBeGreaterThan(0);
    expect(hosted.ledger.problems).toEqual([]);
  }, 60_000);

  test("a second signal ends it at once", async () => {
    await using hosted = await Hosted.make({
      grace: 60_000,
      processes: [{ name: "deaf", takes: 600_000, deaf: true }],
    });
    await hosted.start();
    await hosted.load(100, () => hosted.ledger.runs.size > 0);
    hosted.signal("SIGTERM");
    const again = setInterval(() => hosted.signal("SIGTERM"), 100);
    const { code } = await hosted.exited();
    clearInterval(again);
    expect(code).toBe(128 + 15);
  }, 30_000);
});
